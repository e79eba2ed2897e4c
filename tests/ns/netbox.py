"""An appliance whose containers' networks are looked at from within them."""

import os
from pathlib import Path

import dnspeer
from initbox import eventually
from rootbox import RootBox


class NetBox(RootBox):
    def __init__(self, folder, units):
        super().__init__(folder, units)
        self.spaces = {}

    def space(self, unit=None):
        """The network of a container, or the host's."""
        if unit not in self.spaces:
            pid = eventually(lambda: self.unit(unit).get("pid"), f"{unit} runs") if unit else None
            self.spaces[unit] = dnspeer.Namespace(
                eventually(lambda: self.pid_outside(pid), "its pid outside") if pid else self.init_pid())
        return self.spaces[unit]

    def anew(self, unit):
        """Its processes are others now; what is known of the ones before is forgotten."""
        if unit in self.spaces:
            self.spaces.pop(unit).close()

    def pid_outside(self, pid):
        """The machine's number of a process that the box knows by this one."""
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    line = next(x for x in Path(f"/proc/{entry}/status").read_text().splitlines() if x.startswith("NSpid:"))
                    if line.split()[2:3] == [str(pid)] and str(self.init_pid()) in self.ancestors(entry):
                        return int(entry)
                except (OSError, StopIteration):
                    pass
        return None

    @staticmethod
    def ancestors(pid):
        found = []
        while pid not in ("0", "1"):
            pid = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
            found.append(pid)
        return found

    def __exit__(self, *exc):
        for space in self.spaces.values():
            space.close()
        super().__exit__(*exc)
