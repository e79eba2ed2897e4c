#!/bin/busybox sh
# shellcheck shell=dash disable=SC2013,SC2016,SC2086 # await evaluates its words; lists of units and files are split
# Runs inside an appliance whose programs are built with KILL_POINTS=1. Each scenario is played once, to learn which
# kill points it passes; then it is played again and again, the supervisor dying at one of them each time. Afterwards
# the state must be the one that was asked for, each service there once, and nothing left over.
#
#   steps.sh once|all|FILE SCENARIO...   once: each point in the first scenario that passes it; all: in each that does;
#                                        FILE: once, and only the points that are listed there
#
# The appliance has these units:
#   v.KIND          a counter, named v, in the folder COUNT, with all that a unit can have
#   VICTIM, PARTS   v.KIND; and what it needs, which is stopped with it
#   OTHER           a counter in /var/other, which is never touched
#   n.service       Type=notify, it says STATUS=up
#   d.service       does not end by SIGTERM, which only its main process gets
#   f.service       has no program; l.service, a oneshot, fills its log more than once
#   trunk.network   on VLAN 7 of eth0
#   s.socket        a socket on port 9090, t@.service a template; w.timer a timer of w.service, a oneshot counter
# and prints a line for each try: ok|bad|unreached POINT SCENARIO [WHY].
#   READY           a service that says on a pipe that it is ready
# VICTIM, PARTS, OTHER, READY, COUNT are in the environment; what no scenario asks for need not be there.

orders=/run/sup/kill-point
passed=/run/sup/kill-passed
out=/run/steps
mkdir -p $out

now() { sed 's/\([0-9]*\)\.\(.\).*/\1\2/' /proc/uptime; }
# await TENTHS COMMAND
await() {
	limit=$(($(now) + $1))
	until eval "$2" >/dev/null 2>&1; do
		[ "$(now)" -gt "$limit" ] && return 1
		sleep 0.02
	done
}
field() { supctl --json status "$1" 2>/dev/null | sed -n "s/^ *\"$2\": \"\{0,1\}\([^\",]*\).*/\1/p" | head -n 1; }
is() { [ "$(field "$1" state)" = "$2" ]; }
alive() { supctl list >/dev/null 2>&1; }
starts() { n=$(grep -c '^start' "$1.lives" 2>/dev/null); echo "${n:-0}"; }
ends() { n=$(grep -c '^end' "$1.lives" 2>/dev/null); echo "${n:-0}"; }

# ---- scenarios: prepare, act (where the supervisor dies), verify; the cleaning is one for all

up() { supctl start "$VICTIM" && await 100 '[ $(starts $COUNT/v) -gt $(ends $COUNT/v) ]'; }
# verify_counts STARTS ENDS: so many more than before the act
counts() {
	await 100 "[ \$(starts $COUNT/v) = $((before_starts + $1)) ] && [ \$(ends $COUNT/v) = $((before_ends + $2)) ]" ||
		echo "starts +$(($(starts "$COUNT/v") - before_starts)) ends +$(($(ends "$COUNT/v") - before_ends)), not +$1 +$2"
}
states() {
	for unit in $1; do
		await 100 "is $unit $2" || echo "$unit is $(field "$unit" state), not $2"
	done
}

prepare_start() { :; }
act_start() { supctl start "$VICTIM"; }
verify_start() { states "$VICTIM $PARTS" running; counts 1 0; }

prepare_stop() { up; }
act_stop() { supctl stop $VICTIM $PARTS; }
verify_stop() { states "$VICTIM $PARTS" inactive; counts 0 1; }

prepare_restart() { up; }
act_restart() { supctl restart "$VICTIM"; }
verify_restart() { states "$VICTIM" running; counts 1 1; }

prepare_crash() { up; }
act_crash() { touch "$COUNT/v.end"; await 100 "[ \$(starts $COUNT/v) -gt $before_starts ]"; }
verify_crash() {
	states "$VICTIM" running
	counts 1 1
	[ "$(field "$VICTIM" restarts)" = 1 ] || echo "restarts is $(field "$VICTIM" restarts), not 1"
}

# A unit file changes while the others run.
prepare_reload() {
	rounds=$(now)
	up && printf '[Unit]\nDescription=Round %s\n[Service]\nExecStart=/bin/true\n' $rounds >/etc/sup/units/r.service
}
act_reload() { supctl reload; }
verify_reload() {
	await 100 "[ \"\$(field r.service description)\" = 'Round $rounds' ]" ||
		echo "the description is $(field r.service description), not Round $rounds"
	states "$VICTIM" running
	counts 0 0
}

# Its network and its address there change while it runs: to what they are not.
prepare_change() {
	folder=/etc/sup/units
	mkdir -p $folder/v.network.d $folder/v.container.d
	address=10.40.0.77 mtu=1400
	if grep -qs $address $folder/v.container.d/ip.conf; then
		address=10.40.0.78 mtu=1300
	fi
	up
	printf '[Network]\nOptions=mtu=%s\n' $mtu >$folder/v.network.d/mtu.conf
	printf '[Container]\nIP=%s\n' $address >$folder/v.container.d/ip.conf
}
act_change() { supctl reload; }
verify_change() {
	states "$VICTIM $PARTS" running
	counts 0 0
	[ "$(cat /sys/class/net/v/mtu)" = $mtu ] || echo "the bridge has an mtu of $(cat /sys/class/net/v/mtu), not $mtu"
	[ "$(field "$VICTIM" address)" = $address ] || echo "its address is $(field "$VICTIM" address), not $address"
}

# A network on a VLAN of a device of the host.
prepare_trunk() { :; }
act_trunk() { supctl start trunk.network; }
verify_trunk() {
	states trunk.network running
	counts 0 0
	[ -e /sys/class/net/trunk/brif/eth0.7 ] || echo "eth0.7 is no port of the bridge"
	supctl stop trunk.network
	[ ! -e /sys/class/net/eth0.7 ] || echo "eth0.7 is left"
}

prepare_socket() { :; }
act_socket() { supctl start s.socket && listener ask 9090 3 3 | grep '^3 of 3'; }
verify_socket() {
	states s.socket listening
	listener ask 9090 3 3 | grep -v '^3 of 3'
	counts 0 0
}

prepare_template() { :; }
act_template() { supctl start t@x.service; }
verify_template() { states t@x.service running; counts 0 0; }

prepare_timer() { w_before=$(starts /var/other/w); }
act_timer() { supctl start w.timer && await 100 '[ $(starts /var/other/w) -gt $w_before ]'; }
verify_timer() {
	await 100 "is w.service inactive && [ \$(ends /var/other/w) -gt $w_before ]" || echo "w is $(field w.service state)"
	[ "$(starts /var/other/w)" = $((w_before + 1)) ] || echo "w was started $(($(starts /var/other/w) - w_before)) times"
	counts 0 0
}

prepare_notify() { :; }
act_notify() { supctl start n.service; }
verify_notify() {
	states n.service running
	[ "$(field n.service status)" = up ] || echo "n has said $(field n.service status), not up"
	counts 0 0
}

# A command in the container: it may have failed, but nothing of it remains.
prepare_exec() { up; }
act_exec() { supctl exec "$VICTIM" /counter || :; }
verify_exec() { states "$VICTIM" running; counts 0 0; }

# An address for a container that never had one: another instance each time.
prepare_lease() { lease=x@$(now)0$$.container; }
act_lease() { supctl start "$lease"; }
verify_lease() {
	states "$lease" running
	counts 0 0
	supctl stop "$lease"
	test ! -e "/run/sup/files/$lease"
}

# A service that says by a newline that it is ready.
prepare_ready() { :; }
act_ready() { supctl start "$READY"; }
verify_ready() { states "$READY" running; counts 0 0; }

prepare_deaf() { rm -f /var/other/deaf && supctl start d.service && await 100 '[ -e /var/other/deaf ]'; }
act_deaf() { supctl stop d.service; }
verify_deaf() { states d.service failed; counts 0 0; }

prepare_fault() { :; }
act_fault() { supctl start f.service || :; }
verify_fault() {
	states f.service failed
	field f.service cause | grep -q 'No such file' || echo "f: $(field f.service cause)"
	counts 0 0
}

prepare_flood() { :; }
act_flood() { supctl start l.service; }
verify_flood() { states l.service inactive; counts 0 0; }

# The supervisor dies while it starts the victim, the next one in its recovery.
prepare_recovery() { :; }
act_recovery() { supctl start "$VICTIM"; }
verify_recovery() { verify_start; }
# shellcheck disable=SC2034 # play() looks for it by name
first_recovery='launch-live 1'

# Everything runs, nothing is to be done.
prepare_idle() { up; }
# It may have come to the step, and be gone, by itself.
act_idle() { kill -9 "$(supervisor_pid)" 2>/dev/null; await 300 alive; }
verify_idle() { states "$VICTIM" running; counts 0 0; }

# It is the child of PID 1 that leads its session.
supervisor_pid() {
	for stat in $(grep -l '(supervisor)' /proc/[0-9]*/stat 2>/dev/null); do
		sed -n 's/^\([0-9]*\) (supervisor) [^Z] 1 [0-9]* \1 .*/\1/p' "$stat"
	done 2>/dev/null | head -n 1
}

# ---- the rest of the world

all_down() {
	supctl stop $VICTIM $PARTS $READY trunk.network s.socket s.service w.timer w.service t@x.service n.service d.service >/dev/null 2>&1
	supctl reset-failed f.service d.service >/dev/null 2>&1
	await 100 'is $VICTIM inactive && ! is w.service running' || echo "cleaning: $VICTIM is $(field "$VICTIM" state)"
}
# The files of /run/sup/instances go with the next reload.
left() {
	supctl reload >/dev/null 2>&1
	await 100 'inventory >$out/now; cmp -s $out/base $out/now' && return
	diff "$out/base" "$out/now" | grep '^[+-][a-z]' | head -n 5 | tr '\n' ' '
	cp $out/now $out/base # each is told once
	echo
}
# the one beside, and all that has been noted
others() {
	[ "$(starts /var/other/other)" = 1 ] || echo "$OTHER was restarted"
	is "$OTHER" running || echo "$OTHER is $(field "$OTHER" state)"
	cat "$COUNT"/*.lives /var/other/*.lives 2>/dev/null | grep '^twice'
}

# play SCENARIO POINT (or "": only learns)
play() {
	why=$(
		eval "first=\${first_$1}"
		"prepare_$1" >$out/said 2>&1 || echo "prepare: $(tail -n 1 $out/said)"
		before_starts=$(starts "$COUNT/v") before_ends=$(ends "$COUNT/v")
		if [ -n "$2" ]; then
			printf '%s' "${first:+$first
}$2 1
" >$out/order && mv $out/order $orders
		elif [ -n "$first" ]; then
			echo "$first" >$orders
			: >$passed
		else
			: >$passed
		fi
		"act_$1" >$out/said 2>&1 || echo "act: $(tail -n 1 $out/said)"
		if [ -n "$2" ]; then
			await 20 '[ ! -e $orders ]' || touch $out/unreached
			rm -f $orders $orders.new
		fi
		await 600 alive || echo "no supervisor answers"
		"verify_$1"
		[ -z "$2" ] && mv $passed "$out/passed.$1"
		all_down
		left
		others
	)
}

mode=$1
shift
all_down
supctl reload
inventory >$out/base
for scenario; do
	prepare_$scenario >/dev/null 2>&1 && act_$scenario >/dev/null 2>&1 # what is made once is there
	all_down
	supctl reload
done
# what a recovery opens once, a socket for nf_tables, is there from here on
kill -9 "$(supervisor_pid)"
await 300 alive
# in a shell below this one, as it will be
why=$(await 50 'inventory >$out/base; sleep 0.3; inventory >$out/now; cmp -s $out/base $out/now')
: >$out/tried
for scenario; do
	play "$scenario" ""
	sort -u "$out/passed.$scenario" >"$out/points"
	echo "learned $scenario $(wc -l <$out/points) $why" | tr '\n' ' '
	echo
	while read -r point; do
		[ "$mode" != all ] && grep -qx "$point" $out/tried && continue
		[ "$mode" != all ] && [ "$mode" != once ] && ! grep -q "^$point\b" "$mode" && continue
		play "$scenario" "$point"
		if [ -e $out/unreached ]; then
			echo "unreached $point $scenario"
			rm $out/unreached
		elif [ -n "$why" ]; then
			echo "bad $point $scenario: $why" | tr '\n' ' '
			echo
			echo "$point" >>$out/tried
		else
			echo "ok $point $scenario"
			echo "$point" >>$out/tried
		fi
	done <"$out/points"
done
echo "done"
