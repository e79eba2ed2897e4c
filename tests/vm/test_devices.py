"""Device nodes: what the kernel refuses to the cgroup of a unit, over restarts, a new list and a killed supervisor."""

import pytest

INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def container(*lines, service=""):
    return "\n".join(["[Container]", "Image=busybox", "Network=none", *lines, service, INSTALL])


# What every unit tries: a service once when it starts, a container when it is asked.
TRY = r"""try() { name=$1; shift; if why=$( ("$@") 2>&1 >/dev/null); then echo "$name yes"; else echo "$name ${why##*: }"; fi; }
reads() { busybox head -c 1 "$1"; }
writes() { echo probe >"$1"; }
try read-kmsg reads /dev/kmsg
try write-kmsg writes /dev/kmsg
try read-zero reads /dev/zero
try read-full reads /dev/full
try write-null writes /dev/null
try mknod-null busybox mknod /dev/null$$ c 1 3
try mknod-mem busybox mknod /dev/mem$$ c 1 1
"""


def service(*lines):
    return "\n".join(["[Service]", "ExecStart=/bin/sh -c '. /usr/lib/try; echo tried; exec sleep 100000'",
                      "Restart=always", *lines, INSTALL])


UNITS = {
    "plain.container": container("AddCapability=CAP_MKNOD"),
    "reader.container": container("AddDevice=/dev/kmsg:r", "AddCapability=CAP_MKNOD CAP_SYSLOG"),
    "writer.container": container("AddDevice=-/dev/none", "Volume=/dev/kmsg:/dev/kmsg:dev",
                                  service="[Service]\nDeviceAllow=/dev/kmsg w\n"),
    "free.service": service(),
    "closed.service": service("DevicePolicy=closed"),
    "class.service": service("DeviceAllow=char-me? r"),
    "strict.service": service("DevicePolicy=strict", "DeviceAllow=/dev/zero rm"),
}

SCRIPT = r"""
await 60 '[ $(supctl status | grep -c "container.*running") = 3 ]'
inside() { supctl exec "$1" sh -c "$(cat /usr/lib/try)"; }
for name in free closed class strict; do
	await 60 "supctl logs $name | grep -q tried"
	check $name "supctl logs $name"
done
for name in plain reader writer; do check $name "inside $name"; done

check plan 'supctl plan reader'
old=$(supervisor)
was=$(main reader)
kill -9 $old
another $old
check killed-same '[ $(main reader) = '$was' ]'
check killed 'inside reader; inside plain'
supctl restart reader
await 60 'is reader running'
check restarted 'inside reader'

sed -i 's/kmsg:r$/kmsg:w/' /usr/lib/sup/units/reader.container 2>/dev/null || { mkdir -p /run/sup/units; sed 's/kmsg:r$/kmsg:w/' /usr/lib/sup/units/reader.container >/run/sup/units/reader.container; }
supctl reload
supctl restart reader
await 60 'is reader running'
check changed 'inside reader'
check log 'supctl logs supervisor'
"""


@pytest.fixture(scope="module")
def boot(lab):
    folder = lab.appliance("devices", UNITS, [lab.busybox()], files={"/usr/lib/try": TRY})
    return lab.boot(folder, SCRIPT)


def tries(text):
    """Name -> yes or the error, of the last try in a text."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        for i, word in enumerate(words):
            if word.startswith(("read-", "write-", "mknod-")):
                found[word] = " ".join(words[i + 1:])
    return found


EPERM = "Operation not permitted"


def test_ends_well(boot):
    boot.ended_well()


def test_a_container_has_the_engines_devices(boot):
    got = tries(boot.text("plain"))
    assert got["read-zero"] == got["read-full"] == got["write-null"] == got["mknod-null"] == "yes"
    assert got["mknod-mem"] == EPERM
    assert got["read-kmsg"] == "No such file or directory"


def test_add_device_gives_what_it_says_and_no_more(boot):
    got = tries(boot.text("reader"))
    assert got["read-kmsg"] == "yes"
    assert got["write-kmsg"] == EPERM
    assert got["mknod-mem"] == EPERM


def test_device_allow_of_a_container(boot):
    got = tries(boot.text("writer"))
    assert got["read-kmsg"] == EPERM
    assert got["write-kmsg"] == "yes"


def test_a_service_is_free_by_default(boot):
    got = tries(boot.text("free"))
    assert got["read-kmsg"] == got["write-kmsg"] == got["mknod-mem"] == "yes"


def test_a_closed_service(boot):
    got = tries(boot.text("closed"))
    assert got["read-zero"] == got["read-full"] == got["write-null"] == "yes"
    assert got["read-kmsg"] == got["write-kmsg"] == got["mknod-mem"] == EPERM


def test_a_class_by_its_pattern(boot):
    got = tries(boot.text("class"))
    assert got["read-kmsg"] == got["read-full"] == "yes"
    assert got["write-kmsg"] == got["mknod-mem"] == EPERM


def test_a_strict_service(boot):
    got = tries(boot.text("strict"))
    assert got["read-zero"] == "yes"
    assert got["write-null"] == "yes"
    assert got["read-full"] == got["read-kmsg"] == got["mknod-null"] == EPERM


def test_held_without_its_supervisor(boot):
    assert boot.code("killed-same") == 0
    assert tries(boot.text("killed"))["mknod-mem"] == EPERM
    text = boot.text("killed")
    assert "write-kmsg " + EPERM in text and "read-kmsg yes" in text


def test_held_by_the_next_supervisor(boot):
    got = tries(boot.text("restarted"))
    assert got["read-kmsg"] == "yes" and got["write-kmsg"] == EPERM


def test_a_new_list_takes_the_place_of_the_old_one(boot):
    """Were both attached, neither reading nor writing would be left."""
    got = tries(boot.text("changed"))
    assert got["read-kmsg"] == EPERM and got["write-kmsg"] == "yes"


def test_the_plan_shows_the_list(boot):
    assert "device        char 1:11 r" in boot.lines("plan")
