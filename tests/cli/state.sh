#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What outlives a restart: the daemon is killed and started again, its snapshots are
# damaged, its directory is taken or cannot be made; and `run --state` goes on from run to run.
. tests/cli/lib
if ! "$tocsin" version | grep -q '^sqlite *[0-9]'; then
	"$tocsin" run -e 'dst_port == 1' --state "$tmp/state" "$capture" > "$tmp/out" 2> "$tmp/err"
	says err 'was made without SQLite'
	finish
fi

# --- run --state ---
cat > "$tmp/rules.tsn" << 'END'
rule busy { when count() by src over 60s > 20 alert once by src per 1d }
rule seen { when dst_port == 1434 alert once by src per 1d }
END
expect 0 "$tocsin" run -r "$tmp/rules.tsn" --format json "$capture"
cp "$tmp/out" "$tmp/whole"
expect 0 "$tocsin" run -v -r "$tmp/rules.tsn" --format json --state "$tmp/series" "$capture"
says err 'no snapshot to go on from'
grep -c '"state":"open"' "$tmp/out" > "$tmp/first"
expect 0 grep -q '^[1-9]' "$tmp/first"
expect 0 "$tocsin" run -v -r "$tmp/rules.tsn" --format json --state "$tmp/series" "$capture"
says err 'restored from'
# the same flows again: what opened is open or suppressed, by the same rules and keys
expect 1 grep -q '"state":"open"' "$tmp/out"
expect 0 test -s "$tmp/series/snapshot-000000000002.db"
expect 3 "$tocsin" run -r "$tmp/rules.tsn" --state /dev/null/state "$capture"
says err 'Not a directory'

# the alerts of the last batch are said, and none is lost or said twice where the series is cut
expect 0 "$tocsin" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/two" "$capture" tests/fixtures/demo6.pcap
cp "$tmp/out" "$tmp/whole"
expect 0 "$tocsin" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/base" "$capture"
cp "$tmp/out" "$tmp/parts"
cp -R "$tmp/base" "$tmp/work"
expect 0 "$tocsin" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/work" tests/fixtures/demo6.pcap
cp "$tmp/out" "$tmp/second"
cat "$tmp/second" >> "$tmp/parts"
same 'a series, run by run' "$tmp/whole" "$tmp/parts"
expect 0 test -s "$tmp/second"

# what several threads divide goes on, too
if [ -x "$programs/flowgen" ]; then
	"$programs/flowgen" --flows 4000 --hosts 1800 --rate 450 --netflow 10 --ipv6 27 --seed 73 --out "$tmp/divided.pcap" > /dev/null 2>&1
	for threads in 1 8; do
		for part in 1 2; do
			expect 0 "${TSN_RELEASE:-$tocsin}" run -r tests/cli/divided.tsn --format json --threads $threads --state "$tmp/by.$threads" "$tmp/divided.pcap"
			mv "$tmp/out" "$tmp/by.$threads.$part"
			mv "$tmp/err" "$tmp/why"
			expect 1 grep -q 'cannot be used' "$tmp/why"
		done
		same "part 1 by $threads threads" "$tmp/by.1.1" "$tmp/by.$threads.1"
		same "part 2 by $threads threads" "$tmp/by.1.2" "$tmp/by.$threads.2"
	done
	expect 0 test -s "$tmp/by.1.2"
fi

# --- a run that is killed at any call that may change something: the state before it, or the one after it and all alerts ---
fast=${TSN_RELEASE:-$tocsin}
if [ -x "$programs/killer" ] && "$programs/killer" 0 true 2> /dev/null; then
	expect 0 "$tocsin" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/work" tests/fixtures/demo6.pcap
	cp "$tmp/out" "$tmp/third"
	expect 1 cmp -s "$tmp/second" "$tmp/third"
	step=2 which=-w
	[ -z "${TSN_SOAK:-}" ] || step=1 which=
	k=0 old=0 new=0
	while :; do
		k=$((k + step))
		rm -rf "$tmp/work"
		cp -R "$tmp/base" "$tmp/work"
		# shellcheck disable=SC2086
		"$programs/killer" $which $k "$fast" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/work" tests/fixtures/demo6.pcap \
		    > "$tmp/killed" 2> "$tmp/err"
		[ $? = 137 ] || break
		expect 0 "$fast" run -q -r "$tmp/rules.tsn" --format json --state "$tmp/work" tests/fixtures/demo6.pcap
		if cmp -s "$tmp/out" "$tmp/second"; then
			old=$((old + 1))
		elif cmp -s "$tmp/out" "$tmp/third" && cmp -s "$tmp/killed" "$tmp/second"; then
			new=$((new + 1))
		else
			failed "killed at call $k: neither the state before nor the one after" "$tmp/err"
		fi
	done
	checks=$((checks + 1))
	[ $old -gt 0 ] || failed 'no kill was tried'
	echo "killed at $((old + new)) calls: $old left the old state and $new the new one"
fi

# --- the daemon ---
if [ ! -x "$programs/replay" ]; then
	echo "NOT CHECKED: restarts of the daemon: no replay program"
	finish
fi
. tests/cli/daemon
state=$tmp/state

start() { # PORT: false if it does not come up
	cat > "$tmp/site.tsn" << END
site {
    listen udp "127.0.0.1:$1"
    output json "$tmp/alerts.jsonl"
    state "$state"
}
END
	daemon -v -r "$tmp/rules.tsn" -r "$tmp/site.tsn"
}

start_somewhere
heard 'state starts empty'
"$programs/replay" "$capture" $port 300 > /dev/null 2>&1
sleep 0.5
kill -USR2 "$pid"
heard 'snapshot written'
stop KILL
grep '"rule":"local.seen".*"state":"open"\|"state":"open".*"rule":"seen"\|"rule":"seen".*"state":"open"' "$tmp/alerts.jsonl" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort > "$tmp/ids"
expect 0 test -s "$tmp/ids"
start $port
heard 'restored from'
"$programs/replay" "$capture" $port 300 > /dev/null 2>&1
sleep 0.5
stop TERM
# nothing was opened twice, under another identity least of all
grep '"rule":"local.seen".*"state":"open"\|"state":"open".*"rule":"seen"\|"rule":"seen".*"state":"open"' "$tmp/alerts.jsonl" | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/' | sort > "$tmp/ids2"
same 'alerts after kill -9' "$tmp/ids" "$tmp/ids2"
heard 'snapshot written'

# a damaged one is set aside, the older one is used
newest=$(ls "$state"/snapshot-*.db | tail -n 1)
head -c 20000 "$newest" > "$tmp/cut"
cat "$tmp/cut" > "$newest"
start $port
heard "it was set aside as $(basename "$newest").damaged"
heard 'restored from'
expect 0 test -f "$newest.damaged"
# whose directory it is
expect 3 "$tocsin" run -r "$tmp/rules.tsn" --state "$state" "$capture"
says err 'another tocsin keeps its state there'
stop TERM

# what cannot be kept is said, and stops nobody
state=/dev/null/state
start $port
heard 'Not a directory; state is not kept'
expect 0 kill -0 "$pid"
stop TERM
heard 'stopped'
finish
