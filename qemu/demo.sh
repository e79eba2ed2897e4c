#!/usr/bin/busybox sh
# shellcheck shell=dash
# The guest's half of qemu/demo: shows what the appliance does, one step after another. Every step
# is checked, and the last line counts them.

passed=0
failed=0

title()
{
	printf '\n== %s\n' "$1"
}

# Shows a command and what it prints.
show()
{
	printf '%s\n' "\$ $*"
	"$@" 2>&1
}

# Waits, for at most so many seconds, until a command succeeds; says how it went.
expect()
{
	what=$1
	left=$(($2 * 5))
	shift 2
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		if [ $left -le 0 ]; then
			echo "FAILED: $what"
			failed=$((failed + 1))
			return
		fi
		sleep 0.2
	done
	echo "ok: $what"
	passed=$((passed + 1))
}

says()
{
	pattern=$1
	shift
	"$@" 2>&1 | grep -qiE "$pattern"
}

new_pid()
{
	pid=$(pidof lighttpd) && [ "$pid" != "$1" ]
}

held()
{
	read -r _ times <"$1/pids.events" && [ "$times" -gt 0 ]
}

bomb=/sys/fs/cgroup/sup/bomb.container

count()
{
	supctl exec redis /usr/bin/redis-cli get heartbeats
}

title 'What runs'
expect 'the job writes to redis by its name' 60 says '[1-9]' count
expect 'the uplink has its address by DHCP' 30 grep -q nameserver /etc/resolv.conf
show supctl status

title 'The page, fetched by the host'
expect 'lighttpd answered the host' 60 says 'GET /[?]demo' supctl logs -n 50 web
show supctl logs -n 3 web

title 'A service is killed and comes back'
old=$(pidof lighttpd)
show kill -9 "$old"
expect "lighttpd runs again, with another pid than $old" 20 new_pid "$old"
show supctl status web

title 'A container takes more memory than its 50 MB'
show supctl start hog
expect 'the kernel killed it, and the status says why' 30 says 'oom|out of memory' supctl status hog
show supctl status hog

title 'A fork bomb inside TasksMax=20'
show supctl start bomb
expect 'the limit held' 30 held $bomb
show head -n 1 $bomb/pids.max $bomb/pids.current $bomb/pids.events
show supctl stop bomb

title 'A command inside a container, and a log'
expect 'redis counts' 10 says '[1-9]' count
show supctl exec redis /usr/bin/redis-cli info server | head -n 3
expect 'the job has a log' 10 says '[1-9]' supctl logs -n 1 job
show supctl logs -n 3 job

title 'Power-off'
echo "$passed steps as they should be, $failed not"
[ $failed -eq 0 ]
