"""The INI file beside an image that holds its defaults.

One section, [Image], with the keys below. Words are separated by blanks; a word with blanks, quotes
or backslashes stands in double quotes, in which \\" \\\\ and \\n are the escapes. A key without a
value is left out. Environment= stands once per assignment."""

from tool import Fail

KEYS = ("Entrypoint", "Cmd", "Environment", "User", "WorkingDir", "StopSignal")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}


def quote(word):
    """One word as it stands in the file."""
    if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in word):
        raise Fail(f"control character in {word!r}: an image default cannot hold it")
    if word and not set(word) & set(" \t\n\"'\\;#"):
        return word
    return '"' + "".join(ESCAPES.get(c, c) for c in word) + '"'


def render(config):
    """The text of the sidecar; config maps a key to a string, or to a list of words."""
    lines = ["[Image]"]
    for key in KEYS:
        value = config.get(key)
        if not value:
            continue
        if key == "Environment":
            lines += [f"{key}={quote(word)}" for word in value]
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
