#!/usr/lib/sup/qemu/busybox sh
# shellcheck shell=dash
# Runs in the guest as qemu-exec.service: the command of `qemu/boot --exec`, its streams and its
# exit status over three virtio ports, then power-off.

busybox=/usr/lib/sup/qemu/busybox
tools=/run/qemu-exec
$busybox mkdir -p $tools
$busybox --install -s $tools
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$tools HOME=/root TERM=dumb

# Prints the device of a port. The kernel makes it some time after its driver was loaded.
port()
{
	tries=0
	while [ $tries -lt 200 ]; do
		for name in /sys/class/virtio-ports/*/name; do
			if [ -r "$name" ] && [ "$(cat "$name")" = "$1" ]; then
				device=${name%/name}
				echo "/dev/${device##*/}"
				return
			fi
		done
		tries=$((tries + 1))
		sleep 0.1
	done
	echo "qemu-exec: no virtio port $1 (is virtio_console loaded?)" >/dev/console
	exit 1
}

# Waits for a child to the end, however many signals come in between.
reap()
{
	while :; do
		wait "$1"
		code=$?
		kill -0 "$1" 2>/dev/null || return $code
	done
}

status=$(port sup.status) || exit 1
out=$(port sup.out) || exit 1
err=$(port sup.err) || exit 1
exec 5>"$status"

cd /
sh /usr/lib/sup/qemu/command </dev/null >"$out" 2>"$err" 5>&- &
# A power-off asked for by the command itself stops this unit too: the status must still get out.
trap : TERM INT HUP
reap $!
echo "exit $?" >&5
# The power-off stops this unit as well: the signal must not end supctl before its answer came.
trap '' TERM INT HUP
if ! supctl poweroff >/dev/console 2>&1; then
	echo stuck >&5
	poweroff -f
fi
