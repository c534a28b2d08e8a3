#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Killed at any system call that may change anything (with TSN_SOAK: at any at all) installing, updating, going back and
# removing leave the old state or the new one, and the next change works and leaves nothing behind.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # much is synced, of which a disk makes much
. tests/cli/lib
tocsin=${TSN_RELEASE:-$TSN_BIN} # traced, and many times
killer=$programs/killer
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" # which cannot be looked for by one who is traced
export ASAN_OPTIONS
if ! "$tocsin" ruleset keygen -p "$tmp/k.pub" -k "$tmp/k.key" --no-password > /dev/null 2>&1 || ! "$killer" 0 true 2> /dev/null; then
	echo "NOT CHECKED: what a kill leaves: no libsodium, or no process may be traced here"
	finish
fi
pub=$tmp/pub
mkdir -p "$pub" "$tmp/site" "$tmp/src/worms"
echo 'set home_net = { 10.0.0.0/8 }' > "$tmp/site/site.tsn"
which=-w soak=
if [ -n "${TSN_SOAK:-}" ]; then
	which='' soak=1
fi

ruleset() {
	"$tocsin" ruleset "$@" --rulesets "$tmp/work" -r "$tmp/site"
}
publish() { # VERSION
	cat > "$tmp/src/worms/worms.tsn" << END
ruleset worms { version "$1" license "CC0-1.0" author "Acme" channel "core" }
set home_net = site
rule seen {
    when src in home_net and dst_port == 1434
    test "one" fires { flow { src = 10.0.0.1, dst = 192.0.2.1, proto = udp, dst_port = 1434 } }
}
END
	"$tocsin" ruleset pack "$tmp/src/worms" -o "$pub" > /dev/null 2>&1
	"$tocsin" ruleset sign "$pub/worms-$1.tar.zst" -k "$tmp/k.key" > /dev/null
	"$tocsin" ruleset index "$pub" -k "$tmp/k.key" > /dev/null
}
version() { # in force; "none", or nothing if the store cannot be read
	"$tocsin" ruleset list --rulesets "$tmp/work" --format json > "$tmp/list" 2> "$tmp/list.err" || return
	v=$(sed -n 's/.*"version":"\([^"]*\)".*/\1/p' "$tmp/list")
	echo "${v:-none}"
}
leftovers() { # names in the store that no state of these tests has
	find "$tmp/work" -name '*.new' -o -name '.tmp-*' | head -3
}
at_each() { # STEP BASE OLD NEW VERB...: kills the verb in a copy of BASE at each call, or each STEP-th
	step=${soak:-$1} base=$2 old=$3 new=$4
	shift 4
	k=0 kills=0 seen_old=0 seen_new=0
	while :; do
		k=$((k + step))
		rm -rf "$tmp/work"
		cp -R "$base" "$tmp/work"
		# shellcheck disable=SC2086
		"$killer" $which $k "$tocsin" ruleset "$@" --rulesets "$tmp/work" -r "$tmp/site" > "$tmp/out" 2> "$tmp/err"
		status=$?
		[ $status = 137 ] || break
		checks=$((checks + 1))
		kills=$((kills + 1))
		got=$(version)
		case $got in
		"$old") seen_old=$((seen_old + 1)) ;;
		"$new") seen_new=$((seen_new + 1)) ;;
		*) failed "$*, killed at call $k: the version is \"$got\", not $old or $new" "$tmp/list.err" ;;
		esac
		"$tocsin" check -q --rulesets "$tmp/work" -r "$tmp/site" 2> "$tmp/err" || failed "$*, killed at call $k: the rules do not compile" "$tmp/err"
		# what was interrupted can be done again, or was done
		ruleset "$@" > "$tmp/out" 2> "$tmp/err" || [ "$got" = "$new" ] || failed "$*, killed at call $k: it cannot be done again" "$tmp/err"
		[ -z "$(leftovers)" ] || failed "$*, killed at call $k: leftovers: $(leftovers)"
		[ "$(version)" = "$new" ] || [ "$got" = "$new" ] || failed "$*, killed at call $k: it did not come about"
	done
	checks=$((checks + 1))
	[ $status = 0 ] || failed "$* ends with $status" "$tmp/err"
	checks=$((checks + 1))
	[ $seen_old -gt 0 ] && [ $seen_new -gt 0 ] || failed "$*: $seen_old kills before it counted and $seen_new after: none was tried"
	echo "$*: killed at $kills calls, $seen_old left the old state and $seen_new the new one"
}

publish 1.0
mkdir "$tmp/work"
ruleset install worms > /dev/null 2>&1 && failed 'installed from nowhere'
"$tocsin" ruleset add acme "file://$pub/index.json" "$tmp/k.pub" --rulesets "$tmp/work" > /dev/null || failed 'no source can be added'
cp -R "$tmp/work" "$tmp/empty"
ruleset install worms > /dev/null || failed 'nothing can be installed'
publish 1.1
cp -R "$tmp/work" "$tmp/first"
ruleset update > /dev/null || failed 'nothing can be updated'
cp -R "$tmp/work" "$tmp/second"
at_each 4 "$tmp/empty" none 1.1 install worms
at_each 2 "$tmp/first" 1.0 1.1 update
at_each 1 "$tmp/second" 1.1 1.0 rollback worms
at_each 3 "$tmp/second" 1.1 none remove worms
finish
