"""The five uses that the product is for, each in real software."""


import pytest
from conftest import CACHE, UPLINK, fingerprint, run

CONTAINER = """
[Container]
Image={image}
{more}
[Install]
WantedBy=multi-user.target
"""

FETCH = """#!/usr/bin/bash
echo "container=$container"
exec 3<>/dev/tcp/10.0.2.2/PORT
printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3
while read -r line <&3; do
	echo "$line"
done
"""

UNITS = {
    "uplink.service": UPLINK,
    "shell.container": CONTAINER.format(image="busybox", more="""
HostName=den
Environment=COLOR=green "MOOD=quite good"
Network=none
"""),
    "one.container": """
[Unit]
Requires=uplink.service
After=uplink.service

[Container]
Image=bash
Volume=/etc/fetch:/fetch:ro
Exec=/fetch
""",
    "debian.container": CONTAINER.format(image="debian", more="Exec=sleep infinity\nNetwork=none"),
    "bomb.container": """
[Container]
Image=debian
Network=none
Exec=bash -c "bomb() { bomb | bomb & }; bomb; sleep infinity"

[Service]
TasksMax=20
CPUQuota=40%
""",
    "hog.container": """
[Container]
Image=busybox
Network=none
Exec=dd if=/dev/zero of=/dev/null bs=200M count=1

[Service]
MemoryMax=50M
MemorySwapMax=0
""",
    "room.container": CONTAINER.format(image="busybox", more="Tmpfs=/scratch:size=1M,mode=0700"),
}

SCRIPT = r"""
await 60 'is shell running && is debian running && is room running'

check hostname 'supctl exec shell hostname; hostname'
check env 'supctl exec shell env'
check env-main 'supctl exec shell sh -c "tr \\\\0 \\\\n </proc/2/environ"'
check root 'supctl exec shell ls /'
check host-files 'supctl exec shell ls /usr/lib/sup /init /etc/sup'
check mounts 'supctl exec shell cut -d" " -f2 /proc/mounts'
check status-passes 'supctl exec shell sh -c "exit 7"'
check stdin 'echo through | supctl exec shell cat'
check stderr '(supctl exec shell sh -c "echo aside >&2") 2>&1 >/dev/null'

pid=$(main shell)
check ps 'supctl exec shell ps -o pid,args'
check ns-first "cd /proc/$pid/ns && for n in *; do readlink \$n; done; cd /"
check ns-exec 'supctl exec shell sh -c "cd /proc/self/ns && for n in *; do readlink \$n; done"'
check ns-host 'cd /proc/self/ns && for n in *; do readlink $n; done; cd /'
check cgroup-exec 'supctl exec shell cat /proc/self/cgroup'

await 30 'grep -q nameserver /etc/resolv.conf'
check one-start 'supctl start one; await 30 "is one inactive"'
check one 'supctl logs -n 20 one'

check debian-ps 'supctl exec debian ps ax'
check debian-release 'supctl exec debian cat /etc/debian_version'
bomb=/sys/fs/cgroup/sup/bomb.container
check bomb 'supctl start bomb; most=0
	until [ "$(sed -n "s/^max //p" $bomb/pids.events)" -ge 20 ]; do
		now=$(cat $bomb/pids.current); [ $now -gt $most ] && most=$now
	done
	for i in $(seq 50); do now=$(cat $bomb/pids.current); [ $now -gt $most ] && most=$now; done
	cat $bomb/pids.max; echo $most'
check bomb-host 'supctl status bomb | grep State; for i in 1 2 3; do (true) || exit; done; echo alive'
check bomb-stop 'supctl stop bomb; state bomb; ls -d $bomb'

check hog 'supctl start hog; await 30 "failed hog"; supctl status hog'
check hog-table 'supctl status | grep -A 1 hog'
check tmpfs 'supctl exec room df -k /scratch'
check tmpfs-full 'supctl exec room sh -c "dd if=/dev/zero of=/scratch/x bs=64k count=64; ls -l /scratch"'
check tmpfs-mode 'supctl exec room stat -c %a /scratch'
check gateway 'supctl exec room ip route; ip -4 addr show sup0'
check status 'supctl status'
"""


@pytest.fixture(scope="module")
def boot(lab, outside):
    packages = "base-files,bash,coreutils,procps"
    tar = CACHE / f"debian-{fingerprint(packages)}.tar"
    if not tar.exists():
        folder = CACHE / "debian-root"
        run("rm", "-rf", folder)
        run("rootfs/mkimage", "--debian", packages, "--format", "dir", "-o", folder)
        run("tar", "-C", folder, "-cf", tar, ".")
        run("rm", "-rf", folder)
    images = [lab.busybox(), lab.image("debian", "--tar", tar, "--cmd", "/usr/bin/bash"),
              lab.image("bash", "--binary", "/usr/bin/bash", "--entrypoint", "/usr/bin/bash")]
    folder = lab.appliance("seeds", UNITS, images,
                           {"/etc/fetch": FETCH.replace("PORT", str(outside.port))})
    return lab.boot(folder, SCRIPT)


def test_boots_and_powers_off(boot):
    boot.ended_well()


def test_shell_in_its_own_namespaces(boot):
    """Seed 1: own host name, only the declared environment, only its own root."""
    assert boot.lines("hostname") == ["den", "sup"]
    env = sorted(boot.ok("env").splitlines())
    assert env == ["COLOR=green", "HOME=/root", "HOSTNAME=den", "MOOD=quite good", "PATH=/bin",
                   "container=sup"]
    assert set(boot.lines("root")) == {"bin", "dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"}
    assert boot.code("host-files") != 0
    assert boot.text("host-files").count("No such file") == 3


def test_exec_passes_streams_and_status(boot):
    assert boot.code("status-passes") == 7
    assert boot.text("stdin") == "through"
    assert boot.text("stderr") == "aside"


def test_second_shell_in_the_same_container(boot):
    """Seed 2: what `nsenter -a -t PID` would show."""
    assert "tail -f /dev/null" in boot.text("ps")
    first, second, host = (set(boot.lines(f"ns-{n}")) for n in ("first", "exec", "host"))
    assert first == second
    shared = {line.split(":")[0] for line in first & host}
    assert shared <= {"user", "time", "time_for_children"}


def test_one_binary_reaches_the_outside(boot):
    """Seed 3: a program and its libraries, $container, bridge + NAT + an uplink by DHCP."""
    text = boot.ok("one")
    assert "container=sup" in text
    assert "the outside" in text


def test_debian_root_holds_a_fork_bomb(boot):
    """Seed 4: a root from a tar file, its own processes, pids.max."""
    rows = boot.ok("debian-ps").splitlines()[1:]
    assert [row.split(None, 4)[4] for row in rows if "ps ax" not in row][1:] == ["sleep infinity"]
    limit, most = map(int, boot.lines("bomb")[-2:])
    assert limit == 20 and 10 <= most <= 20
    assert "alive" in boot.text("bomb-host")
    assert boot.lines("bomb-stop")[0] == "inactive"
    assert "No such file" in boot.text("bomb-stop")


def test_memory_limit_tmpfs_and_gateway(boot):
    """Seed 5."""
    assert "out of memory" in boot.text("hog") and "MemoryMax=50M" in boot.text("hog")
    assert "out of memory (MemoryMax=50M)" in boot.text("hog-table")
    assert boot.lines("tmpfs")[-1].split()[1] == "1024"
    assert "No space left" in boot.text("tmpfs-full")
    assert boot.text("tmpfs-mode") == "700"
    route = boot.text("gateway").split()
    assert route[:2] == ["default", "via"]
    assert f"inet {route[2]}/" in boot.text("gateway")
