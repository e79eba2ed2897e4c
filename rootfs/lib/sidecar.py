"""The INI file beside an image that holds its defaults.

One section, [Image], with the keys below. Words are separated by blanks; a word with blanks, quotes
or backslashes stands in double quotes, in which \\" \\\\ and \\n are the escapes; other values stand as they are.
A key without a value is left out. Environment= stands once per assignment. What the supervisor would not read back
as it was is a Fail."""

import re

from tool import Fail

WORDS = ("Entrypoint", "Cmd", "Environment")
KEYS = (*WORDS, "User", "WorkingDir", "StopSignal", "HealthCmd",
        "HealthInterval", "HealthTimeout", "HealthStartPeriod", "HealthRetries", "RootHash", "HashOffset")
ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n"}
LONGEST_LINE = 4096  # bytes
MOST_VARIABLES = 2048
SIGNALS = """HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU
URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS RTMIN RTMAX""".split()


def is_signal(text):
    """A number, a name, or one counted from the first or last real-time signal."""
    if re.fullmatch(r"[0-9]{1,2}", text):
        return 1 <= int(text) <= 64
    counted = re.fullmatch(r"(?:SIG)?(?:RTMIN\+|RTMAX-)([0-9]{1,2})", text)
    return int(counted.group(1)) <= 30 if counted else text.removeprefix("SIG") in SIGNALS


def is_path(text):
    """Absolute, without a step up, and such that it stands in a line as it is."""
    return text.startswith("/") and ".." not in text.split("/") and text == text.strip(" \t") \
        and not text.endswith("\\")


# What a value must be, and how that is said.
SHAPES = {
    "User": (lambda text: re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}", text), "a user or user:group"),
    "WorkingDir": (is_path, "an absolute path without .."),
    "StopSignal": (is_signal, "a signal"),
    "Environment": (lambda text: re.match(r"[A-Za-z_][A-Za-z0-9_]*=", text), "an assignment NAME=value"),
}


def check(key, text):
    """Fails on what no line of the file can hold."""
    if any(ord(c) < 32 and c not in "\n\t" or ord(c) == 127 for c in text):
        raise Fail(f"{key}: control character in {text!r:.200}: an image default cannot hold it")
    if not text.isascii() and text != text.encode("utf-8", "ignore").decode():
        raise Fail(f"{key}: half a character in {text!r:.200}: an image default cannot hold it")
    holds, what = SHAPES.get(key, (None, ""))
    if holds and not holds(text):
        raise Fail(f"{key}: {text!r:.200} is not {what}")


def quote(word):
    """One word as it stands in the file."""
    if word and word[0] != "[" and not set(word) & set(" \t\n\"'\\;#"):
        return word
    return '"' + "".join(ESCAPES.get(c, c) for c in word) + '"'


def plain(key, text):
    """A line as it is, which has no words to quote."""
    if "\n" in text:
        raise Fail(f"{key}: line feed in {text!r:.200}: it stands in one line")
    return text.strip(" \t")


def lines_of(key, value):
    """The lines of one key."""
    if isinstance(value, str) and key not in WORDS:
        check(key, value)
        return [f"{key}={plain(key, value)}"]
    words = [value] if isinstance(value, str) else value
    for word in words:
        check(key, word)
    if key != "Environment":
        return [f"{key}={' '.join(quote(word) for word in words)}"]
    if len(words) > MOST_VARIABLES:
        raise Fail(f"{key}: more than {MOST_VARIABLES} variables")
    return [f"{key}={quote(word)}" for word in words]


def render(config):
    """The text of the sidecar; config maps a key to a string, or to a list of words."""
    lines = ["[Image]"]
    for key in KEYS:
        for line in lines_of(key, config[key]) if config.get(key) else ():
            if len(line.encode()) > LONGEST_LINE:
                raise Fail(f"{key}: longer than {LONGEST_LINE} bytes: an image default cannot hold it")
            lines.append(line)
    return "\n".join(lines) + "\n"


def path_of(image):
    """Where the sidecar of an image stands: beside it, its suffix replaced by .ini."""
    for suffix in (".erofs", ".squashfs"):
        if image.endswith(suffix):
            return image[:-len(suffix)] + ".ini"
    return image.rstrip("/") + ".ini"
