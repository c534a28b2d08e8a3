#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Changes of the store while a daemon runs with it: it is told, answers, and gets back what it had if it cannot use the
# new; what an update would have raised over its ring of flows; and a daemon that dies or does not answer.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # much is synced, of which a disk makes much
. tests/cli/lib
if ! "$tocsin" ruleset keygen -p "$tmp/k.pub" -k "$tmp/k.key" --no-password > /dev/null 2>&1 || [ ! -x "$programs/replay" ]; then
	echo "NOT CHECKED: changes under a running daemon: no libsodium, or no replay program"
	finish
fi
. tests/cli/daemon
store=$tmp/store
pub=$tmp/pub
mkdir -p "$pub" "$tmp/site" "$tmp/src/worms" "$store"

ruleset() {
	"$tocsin" ruleset "$@" --rulesets "$store" -r "$tmp/site" --wait 20
}
publish() { # VERSION CONDITION
	cat > "$tmp/src/worms/worms.tsn" << END
ruleset worms { version "$1" license "CC0-1.0" author "Acme" channel "core" }
rule seen {
    title "Version $1"
    when $2
    alert each
    test "one" fires { flow { src = 10.0.0.1, dst = 192.0.2.1, proto = udp, dst_port = 1434 } }
}
END
	"$tocsin" ruleset pack "$tmp/src/worms" -o "$pub" > "$tmp/packed" 2>&1 || failed "pack" "$tmp/packed"
	"$tocsin" ruleset sign "$pub/worms-$1.tar.zst" -k "$tmp/k.key" > /dev/null
	"$tocsin" ruleset index "$pub" -k "$tmp/k.key" > /dev/null
}
start() { # PORT
	cat > "$tmp/site/site.tsn" << END
site {
    listen udp "127.0.0.1:$1"
    output json "$tmp/alerts.jsonl"
    ring "$tmp/ring"
}
END
	daemon -v --rulesets "$store" -r "$tmp/site"
}

publish 1.0 'dst_port == 1434'
mkdir -p "$tmp/site"
expect 0 "$tocsin" ruleset add acme "file://$pub/index.json" "$tmp/k.pub" --rulesets "$store"
start_somewhere
expect 0 ruleset install worms
says out 'the daemon has it in force'
heard 'rule worms.seen: added'
expect 0 ruleset disable worms
says out 'the daemon has it in force'
heard 'rule worms.seen: removed'
expect 0 ruleset pin worms
expect 0 grep -c 'reloading' "$tmp/log"
is out 2
expect 0 ruleset unpin worms
expect 0 ruleset enable worms

# over the last flows: what an update would have raised
"$programs/replay" "$capture" "$port" 300 > /dev/null 2>&1
for _ in $(seq 50); do
	[ -n "$(find "$tmp/ring" -type f -size +1k)" ] && break
	sleep 0.1
done
publish 1.1 'dst_port == 1434 or dst_port > 0'
expect 0 ruleset diff worms
says out '~ rule seen: Version 1.1'
says out 'this update would have raised '
says out 'most of the new ones are of worms.seen: '
cp "$store/state.json" "$tmp/state.before"
expect 1 ruleset update --max-alerts-per-hour 50
says out 'this update would have raised '
says err 'alerts an hour, more than --max-alerts-per-hour 50; --force puts it in force all the same'
says err 'nothing was changed'
expect 0 "$tocsin" ruleset list --rulesets "$store" --format json
says out '"version":"1.0"'
expect 0 ruleset update --max-alerts-per-hour 50 --force
says out 'the daemon has it in force'
heard 'rule worms.seen: changed'

# what compiles here, and not for the daemon: its site has changed since, and -r does not say so
cp "$tmp/site/site.tsn" "$tmp/good.tsn"
mkdir -p "$tmp/other"
cp "$tmp/good.tsn" "$tmp/other/site.tsn"
echo 'rule broken { when dst_prt == 1 }' >> "$tmp/site/site.tsn"
reloads=$(grep -c 'reload failed' "$tmp/log")
expect 1 "$tocsin" ruleset rollback worms --rulesets "$store" -r "$tmp/other" --wait 20
says out 'the state is put back as it was'
says err 'the daemon cannot use it: '
says err 'no field "dst_prt"'
expect 0 "$tocsin" ruleset list --rulesets "$store" --format json
says out '"version":"1.1"'
says out '"pinned":false'
expect 0 test "$(grep -c 'reload failed' "$tmp/log")" -gt "$reloads"
cp "$tmp/good.tsn" "$tmp/site/site.tsn"
expect 0 ruleset rollback worms
says out 'the daemon has it in force'
expect 0 ruleset unpin worms

# one that does not answer: stopped
kill -STOP "$pid"
expect 1 "$tocsin" ruleset disable worms --rulesets "$store" -r "$tmp/site" --wait 1
says err 'the daemon did not answer in time'
says out 'the daemon has not said yet that it goes on with the rules it had'
kill -CONT "$pid"
expect 0 "$tocsin" ruleset list --rulesets "$store" --format json
says out '"enabled":true'

# one that dies while it is told
(
	for _ in $(seq 100); do
		grep -q '"enabled": false' "$store/state.json" && break
		sleep 0.05
	done
	kill -9 "$pid"
) &
kill -STOP "$pid"
expect 1 ruleset disable worms
wait $! 2> /dev/null
says err 'the daemon ended while it was loading'
says out 'the state is put back as it was'
wait "$pid" 2> /dev/null
pid=
expect 0 "$tocsin" ruleset list --rulesets "$store" --format json
says out '"enabled":true'
expect 0 ruleset disable worms
says out "no daemon runs with $store"
expect 0 ruleset enable worms

# the next one runs what is enabled
start "$port" || failed 'the daemon does not start again' "$tmp/log"
heard '1 rules in force'
stop TERM 0
finish
