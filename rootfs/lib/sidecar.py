"""The INI file beside an image that holds its defaults.

One section, [Image], with the keys below. Words are separated by blanks; a word with blanks, quotes
or backslashes stands in double quotes, in which \\" \\\\ and \\n are the escapes. A key without a
value is left out. Environment= stands once per assignment."""

from tool import Fail

KEYS = ("Entrypoint", "Cmd", "Environment", "User", "WorkingDir", "StopSignal", "HealthCmd",
        "HealthInterval", "HealthTimeout", "HealthStartPeriod", "HealthRetries")
# Written as they are: a line for a shell, or a list in JSON.
PLAIN = ("HealthCmd",)
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}


def quote(word):
    """One word as it stands in the file."""
    if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in word):
        raise Fail(f"control character in {word!r}: an image default cannot hold it")
    if word and not set(word) & set(" \t\n\"'\\;#"):
        return word
    return '"' + "".join(ESCAPES.get(c, c) for c in word) + '"'


def plain(text):
    """A line as it is, which has no words to quote."""
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise Fail(f"control character in {text!r}: an image default cannot hold it")
    return text.strip()


def render(config):
    """The text of the sidecar; config maps a key to a string, or to a list of words."""
    lines = ["[Image]"]
    for key in KEYS:
        value = config.get(key)
        if not value:
            continue
        if key == "Environment":
            lines += [f"{key}={quote(word)}" for word in value]
        elif key in PLAIN:
            lines.append(f"{key}={plain(value)}")
        elif isinstance(value, str):
            lines.append(f"{key}={quote(value)}")
        else:
            lines.append(f"{key}={' '.join(quote(word) for word in value)}")
    return "\n".join(lines) + "\n"


def path_of(image):
    """Where the sidecar of an image stands: beside it, its suffix replaced by .ini."""
    for suffix in (".erofs", ".squashfs"):
        if image.endswith(suffix):
            return image[:-len(suffix)] + ".ini"
    return image.rstrip("/") + ".ini"
