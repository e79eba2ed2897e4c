"""The host's NIC as a port of a bridge, addresses on it by DHCP; and the interactive terminal of
`supctl exec`, on the console as a person has it."""

import os
import pty
import re
import select
import subprocess
import time

import pytest
from conftest import BOOT_SECONDS, TOP, environment

UNITS = {
    "lan.network": "[Network]\nSubnet=10.50.0.0/24\nPortSecurity=no\n",
    "lan-uplink.service": """
[Unit]
Requires=lan.network
After=lan.network

[Service]
ExecStartPre=/usr/bin/ip link set eth0 master lan up
ExecStart=/usr/bin/udhcpc -f -i lan -s /etc/lan.script

[Install]
WantedBy=multi-user.target
""",
    "client.container": """
[Container]
Image=busybox
Network=lan.network
AddCapability=NET_ADMIN NET_RAW
Volume=/usr/bin/fetch:/fetch:ro
Volume=/etc/client.script:/client.script:ro
Exec=udhcpc -f -i eth0 -s /client.script

[Install]
WantedBy=multi-user.target
""",
    "console.service": """
[Unit]
ConditionKernelCommandLine=test.console

[Service]
ExecStart=/usr/bin/busybox sh
Environment=PATH=/usr/bin PS1=ready-
StandardInput=tty
StandardOutput=tty
StandardError=tty
KillSignal=SIGHUP

[Install]
WantedBy=multi-user.target
""",
}

# Adds the address and keeps the bridge's own one.
LEASE = """#!/usr/bin/busybox sh
PATH=/bin:/usr/bin
[ "$1" = bound ] || exit 0
ip address add "$ip/$mask" dev "$interface"
ip route replace default via "${router%% *}" dev "$interface"
echo "lease $interface $ip"
"""

SCRIPT = r"""
await 60 'supctl logs lan-uplink | grep -q "lease lan" && supctl logs client | grep -q "lease eth0"'
check bridge 'ip -4 addr show lan; ip route; ls /sys/class/net/lan/brif'
check client 'supctl exec client ip -4 addr show eth0'
check host-out 'fetch 10.0.2.2 OUTSIDE'
check client-out 'supctl exec client /fetch 10.0.2.2 OUTSIDE'
check client-route 'supctl exec client ip route'
check console 'supctl status console'
"""


@pytest.fixture(scope="module")
def folder(lab):
    return lab.appliance("bridge", UNITS, [lab.busybox()],
                         {"/etc/lan.script": LEASE, "/etc/client.script": LEASE},
                         lab.helper_on_host("fetch"))


@pytest.fixture(scope="module")
def boot(lab, folder, outside):
    return lab.boot(folder, SCRIPT.replace("OUTSIDE", str(outside.port)))


def test_ends_well(boot):
    boot.ended_well()
    assert "ConditionKernelCommandLine" in boot.text("console")


def test_bridge_has_the_nic_and_a_lease(boot):
    text = boot.ok("bridge")
    assert re.search(r"inet 10\.0\.2\.1\d/24", text) and "inet 10.50.0.1/24" in text
    assert "eth0" in text.splitlines()
    assert boot.ok("host-out") == "the outside"


def test_container_gets_its_own_lease(boot):
    assert re.search(r"inet 10\.0\.2\.1\d/24", boot.text("client"))
    assert "default via 10.0.2.2" in boot.text("client-route")
    assert boot.ok("client-out") == "the outside"


class Console:
    """A person at the console of qemu/boot."""

    def __init__(self, folder):
        self.master, slave = pty.openpty()
        self.seen = ""
        self.qemu = subprocess.Popen(
            ["qemu/boot", str(folder), "--timeout", str(BOOT_SECONDS), "--append", "test.console"],
            cwd=TOP, env=environment(), stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True)
        os.close(slave)

    def expect(self, pattern, seconds=60):
        """Reads until the pattern has come; what came before it is dropped."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            left = until - time.monotonic()
            assert left > 0, f"{pattern} did not come: {self.seen[-2000:]}"
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.seen += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"{pattern}: ended: {self.seen[-2000:]}") from None
        self.seen = self.seen[found.end():]
        return found

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        while select.select([self.master], [], [], 30)[0]:
            try:
                if not os.read(self.master, 4096):
                    break
            except OSError:
                break
        return self.qemu.wait(30)


def test_terminal_of_exec(folder):
    """An interactive shell in the container: a terminal of its own, job control, the status."""
    console = Console(folder)
    try:
        console.expect("ready-")
        console.type("until supctl exec client true; do sleep 0.1; done; supctl exec client sh\n")
        console.expect(r"# ")
        console.type("tty; hostname; echo in-$((6*7))\n")
        console.expect(r"/dev/pts/0\s+client\s+in-42")
        console.type("echo go-$((1+1)); cat\n")
        console.expect("go-2")
        console.type("typed text\n")
        console.expect(r"typed text\s+typed text")
        console.type("\x03")
        console.expect("# ")
        console.type("exit 5\n")
        console.expect("ready-")
        console.type("echo status $?\n")
        console.expect(r"status 5\s")
        console.type("supctl poweroff\n")
        assert console.end() == 0
    finally:
        console.qemu.kill()
        console.qemu.wait()
        os.close(console.master)
