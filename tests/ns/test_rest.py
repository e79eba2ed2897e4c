"""What a boot or a question took of memory is given back when it is over, and the supervisor answers as before."""

import re
from pathlib import Path

from initbox import eventually
from test_supervisor import Appliance


def resident(pid, what):
    """kB of the mapping that are in memory."""
    text = Path(f"/proc/{pid}/smaps").read_text()
    return int(re.search(rf"^\S+ \S+ \S+ \S+ \S+ +{what}\n(?:.*\n)*?Rss: +(\d+)", text, re.MULTILINE)[1])


def test_rest_gives_back_and_takes_again(tmp_path):
    with Appliance(tmp_path) as box:
        box.ready()
        pid = box.supervisor_pid()
        before = box.unit("sleeper")
        program = r"\S*/supervisor"  # which runs out of a mount of its own
        text, stack = resident(pid, program), resident(pid, r"\[stack\]")
        eventually(lambda: resident(pid, program) < 3 * text // 4, "less of the program's text")
        eventually(lambda: resident(pid, r"\[stack\]") < 3 * stack // 4, "less of the stack")
        after = box.unit("sleeper")
        assert (after["state"], after["pid"]) == (before["state"], before["pid"])
        assert box.supctl("restart", "sleeper")[0] == 0
        assert resident(pid, program) > 3 * text // 4
        assert box.supervisor_pid() == pid


def test_tables_of_pointers_are_constant(tmp_path):
    """They had to be written to once; a static program's relro is nobody's business but its own."""
    with Appliance(tmp_path) as box:
        box.ready()
        maps = [line.split() for line in Path(f"/proc/{box.supervisor_pid()}/maps").read_text().splitlines()]
        size = {words[1]: int(words[0].split("-")[1], 16) - int(words[0].split("-")[0], 16)
                for words in maps if words[-1].endswith("/supervisor")}
        assert size.keys() == {"r-xp", "r--p", "rw-p"} and size["r--p"] > size["rw-p"], maps
