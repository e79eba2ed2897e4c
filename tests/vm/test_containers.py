"""What a container gets and what it does not, and its limits in the cgroup."""

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def container(*lines, service=""):
    return "\n".join(["[Container]", "Image=busybox", "Network=none", *lines, service, INSTALL])


LIMITS = """[Service]
MemoryMax=64M
MemoryHigh=48M
MemoryLow=8M
MemorySwapMax=0
CPUQuota=150%
CPUWeight=300
TasksMax=33
AllowedCPUs=1
IOWeight=50
IOReadBandwidthMax=/dev/vda 1M
IOWriteIOPSMax=/dev/vda 100
Nice=5
OOMScoreAdjust=200
LimitNOFILE=1234:2345
LimitCORE=0
LimitSIGPENDING=100000
"""

UNITS = {
    "plain.container": container("HostName=plainly"),
    "limited.container": container("Ulimit=nproc=77:88", "ShmSize=2M", service=LIMITS),
    "podman.container": container("Memory=32M", "PidsLimit=44"),
    "sealed.container": container("ReadOnly=yes", "Volume=keep.volume:/keep", "Tmpfs=/scratch",
                                  "DropCapability=all", "AddCapability=CAP_NET_BIND_SERVICE",
                                  "Mask=/etc/udhcpc.script", "Sysctl=net.ipv4.ip_forward=1",
                                  "Volume=/etc/hostname:/host-name:ro"),
    "user.container": container("User=worker", "WorkingDir=/tmp"),
    "numeric.container": container("User=1234:5678", "NoNewPrivileges=no"),
    "bare.container": container("RunInit=no", "ReadOnly=yes", "ReadOnlyTmpfs=no", "Unmask=ALL",
                                'Exec=sh -c "trap exit TERM; while :; do sleep 0.2; done"'),
    "keep.volume": "[Volume]\n",
}

SCRIPT = r"""
await 60 '[ $(supctl status | grep -c "container.*running") = 7 ]'
inside() { supctl exec "$@"; }
grub() { for f in $2; do echo "$f $(cat /sys/fs/cgroup/sup/$1/$f | tr "\n" " ")"; done; }

check limits 'grub limited.container "memory.max memory.high memory.low memory.swap.max cpu.max cpu.weight pids.max cpuset.cpus io.weight io.max"'
check limits-podman 'grub podman.container "memory.max pids.max"'
check limits-in 'inside limited cat /proc/1/limits; inside limited cat /proc/self/limits'
check limits-cpu 'inside limited grep Cpus_allowed_list /proc/self/status'
check limits-main 'cat /proc/$(main limited)/oom_score_adj; inside limited cat /proc/2/oom_score_adj; cut -d" " -f19 /proc/$(main limited)/stat'
# A process that is stopped keeps what it is sent; one more than any process here may have unless its unit says so.
queued=$(awk '/^Max pending signals/ { print $4 + 1 }' /proc/1/limits)
check queued 'echo $queued; inside limited sh -c "sleep 999 & kill -STOP \$!
	i=0; while [ \$i -lt $queued ]; do kill -40 \$!; i=\$((i + 1)); done; grep SigQ /proc/\$!/status; kill -KILL \$!"'
check shm 'inside limited df -k /dev/shm'

check root-rw 'inside plain touch /new && inside plain ls /new && ls /run/sup/images/busybox/new'
check root-ro 'inside sealed touch /new; inside sealed touch /etc/x; inside sealed sh -c "touch /tmp/x /run/x /scratch/x /keep/x && echo written"'
check root-bare 'inside bare touch /tmp/x; inside bare touch /run/x'
check bind-ro 'inside sealed cat /host-name; inside sealed sh -c "echo x >/host-name"'
check masked 'inside sealed cat /etc/udhcpc.script; inside plain cat /proc/kcore; inside plain cat /proc/keys; inside plain ls /sys/firmware'
check proc-ro 'inside plain sh -c "echo 1 >/proc/sys/kernel/panic"; inside plain sh -c "echo h >/proc/sysrq-trigger"'
check sys-ro 'inside plain mkdir /sys/fs/cgroup/x; inside plain touch /sys/x; inside plain ls /sys/fs/cgroup'
check sysctl 'inside sealed cat /proc/sys/net/ipv4/ip_forward'
check status-plain 'inside plain cat /proc/2/status; inside plain cat /proc/self/status'
check status-sealed 'inside sealed cat /proc/2/status'
check status-numeric 'inside numeric cat /proc/2/status'
check fds 'inside plain ls -l /proc/2/fd; echo; inside plain ls /proc/self/fd'
check host-fds 'ls /proc/$(main plain)/fd'
check dev 'inside plain ls /dev; inside plain ls -l /dev/pts'
check mknod 'inside plain sh -c "busybox mknod /tmp/vda b 254 0 && cat /tmp/vda"; inside plain mount -t tmpfs none /tmp'
check hostname 'inside plain hostname; inside plain cat /etc/hostname; inside user hostname'
check user 'inside user id; inside user sh -c pwd; inside user sh -c "echo \$HOME"; inside user touch /root-only'
check user-main 'inside user sh -c "stat -c %u:%g /proc/2; readlink /proc/2/cwd"'
check bare-ps 'inside bare ps -o pid,args'
check escape 'inside plain ls /proc/1/root/usr/lib/sup; inside plain ls /../../usr/lib/sup; inside plain sh -c "cd /proc/1/cwd/.. && ls usr/lib/sup"'
check kill-outside 'inside plain sh -c "kill -9 -1"; await 20 "is plain failed"; supctl start plain; state plain; state user; state sealed'

inside sealed sh -c 'echo precious >/keep/file; echo gone >/scratch/file'
inside plain touch /layer
check volume 'supctl restart sealed plain; inside sealed cat /keep/file; inside sealed ls /scratch /keep; inside plain ls /layer'
check volume-host 'cat /var/lib/sup/volumes/keep/file'
check stop-bare 'supctl stop bare; supctl status bare'

check plan 'supctl plan sealed'
"""


@pytest.fixture(scope="module")
def boot(lab, tmp_path_factory):
    disk = tmp_path_factory.mktemp("disk") / "disk"
    with open(disk, "wb") as file:
        file.truncate(1 << 20)
    folder = lab.appliance("containers", UNITS, [lab.busybox()])
    return lab.boot(folder, SCRIPT, "--disk", str(disk))


def of(boot, section):
    """`key: value` lines of the first /proc/PID/status in a section."""
    found = {}
    for line in boot.lines(section):
        key, _, value = line.partition(":")
        found.setdefault(key, value.strip())
    return found


def test_ends_well(boot):
    boot.ended_well()


def test_limits_are_in_the_cgroup(boot):
    got = dict(line.split(" ", 1) for line in boot.lines("limits"))
    got = {k: v.strip() for k, v in got.items()}
    assert got == {
        "memory.max": str(64 << 20), "memory.high": str(48 << 20), "memory.low": str(8 << 20),
        "memory.swap.max": "0", "cpu.max": "150000 100000", "cpu.weight": "300", "pids.max": "33",
        "cpuset.cpus": "1", "io.weight": "default 50",
        "io.max": "254:0 rbps=1000000 wbps=max riops=max wiops=100"}
    assert [x.split() for x in boot.lines("limits-podman")] == [["memory.max", str(32 << 20)],
                                                                ["pids.max", "44"]]
    assert boot.text("limits-cpu").split()[-1] == "1"


def test_limits_of_processes(boot):
    text = boot.text("limits-in")
    assert text.count("Max open files            1234                 2345") >= 1
    assert "Max processes             77                   88" in text
    assert boot.lines("limits-main") == ["200", "200", "5"]
    assert boot.lines("shm")[-1].split()[1] == "2048"


def test_limits_of_all_processes_are_those_of_the_unit(boot):
    """Not what the supervisor had when it made the user namespace, which bounds all in there together."""
    most, sigq = boot.lines("queued")
    assert int(most) > 1 and sigq == f"SigQ:\t{most}/100000"


def test_root_is_writable_or_not(boot):
    assert boot.lines("root-rw")[0] == "/new"
    assert "No such file" in boot.text("root-rw")
    assert boot.text("root-ro").count("Read-only file system") == 2
    assert boot.text("root-ro").endswith("written")
    assert boot.text("root-bare").count("Read-only file system") == 2
    assert boot.lines("bind-ro")[0] == "sup"
    assert "Read-only file system" in boot.text("bind-ro")


def test_masks(boot):
    assert boot.text("masked") == ""
    assert boot.text("proc-ro").count("Read-only file system") == 2
    assert boot.text("sys-ro").count("Read-only file system") >= 1
    assert boot.text("sysctl") == "1"


def test_rights(boot):
    plain, sealed, numeric = (of(boot, f"status-{n}") for n in ("plain", "sealed", "numeric"))
    assert plain["NoNewPrivs"] == "1" and sealed["NoNewPrivs"] == "1"
    assert numeric["NoNewPrivs"] == "0"
    default = "00000000800405fb"
    assert plain["CapBnd"] == default and plain["CapEff"] == default
    assert plain["CapInh"] == "0000000000000000"
    assert boot.text("status-plain").count(f"CapBnd:\t{default}") == 2
    assert sealed["CapBnd"] == sealed["CapEff"] == "0000000000000400"
    assert numeric["CapEff"] == "0000000000000000" and numeric["CapBnd"] == default
    assert numeric["Uid"].split() == ["1234"] * 4 and numeric["Gid"].split() == ["5678"] * 4
    assert "Operation not permitted" in boot.text("mknod")


def test_descriptors_and_devices(boot):
    first, second = boot.text("fds").split("\n\n")
    targets = dict(line.split()[8::2] for line in first.splitlines()[1:])
    assert targets["0"] == "/dev/null" and targets["1"].startswith("pipe:")
    assert targets["2"].startswith("pipe:")
    assert targets.get("3", "/dev/null") == "/dev/null" and len(targets) <= 4  # 3 is tail's own
    assert second.split() == ["0", "1", "2", "3"]
    assert set(boot.text("host-fds").split()) <= {"0", "1", "2", "3"}
    assert set(boot.lines("dev")[0:16]) >= {"null", "zero", "full", "random", "urandom", "tty",
                                            "pts", "shm", "ptmx", "fd", "stdin", "stdout", "stderr"}
    assert "vda" not in boot.text("dev")


def test_identity(boot):
    assert boot.lines("hostname") == ["plainly", "plainly", "user"]
    text = boot.lines("user")
    assert text[0].startswith("uid=501(worker) gid=501(worker)")
    assert text[1] == "/tmp"
    assert "Permission denied" in text[-1]
    assert boot.lines("user-main") == ["501:501", "/tmp"]


def test_no_init_when_told_so(boot):
    rows = [r.split(None, 1) for r in boot.lines("bare-ps")[1:]]
    assert rows[0][0] == "1" and rows[0][1].startswith("sh -c")
    assert "State: inactive" in boot.text("stop-bare")


def test_no_way_out(boot):
    assert boot.text("escape").count("No such file") + boot.text("escape").count("denied") == 3


def test_kill_reaches_only_its_own(boot):
    assert boot.lines("kill-outside")[-3:] == ["running"] * 3


def test_volumes_persist(boot):
    text = boot.text("volume")
    assert text.startswith("precious")
    assert "/layer: No such file" in text
    assert "gone" not in text and boot.text("volume-host") == "precious"
