#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin diff: what it says of two rulesets is what `run` raises with one and with the other.
. tests/cli/lib
old=$tmp/old.tsn new=$tmp/new.tsn
cat > "$old" <<'END'
rule spam { severity low, high when value > 100 when count(dst_port == 25) by src over 60s > limit message "{src} {value}" }
rule gone { when dst_port == 443 and raw_packets > 100 }
rule same { when dst_port == 53 and raw_packets > 1 }
rule web { when dst_port == 80 alert each }
let limit = 5
END
sed -e 's/high when/critical when/; s/limit = 5/limit = 50/; s/rule gone/rule fresh/; s/443 and raw_packets > 100/22/; s/dst_port == 80/dst_port == 80 and raw_packets > 3/' "$old" > "$new"

openings() { # RULES: time, rule, key
	"$tocsin" run -q -r "$1" --format json "$capture" | grep -v '"state":"\(close\|update\)"' |
		sed 's/.*"timestamp":"\([^"]*\)".*"rule":"\([^"]*\)".*"key":{\([^}]*\)}.*/\1 \2 \3/' | sort
}
openings "$old" > "$tmp/a"
openings "$new" > "$tmp/b"
expect 0 "$tocsin" diff "$old" "$new" "$capture" --format json
cp "$tmp/out" "$tmp/json"
count() { sed -n "1s/.*\"$1\":\([0-9]*\).*/\1/p" "$tmp/json"; }
is_count() { # WHAT NUMBER WHY
	checks=$((checks + 1))
	[ "$2" -gt 0 ] || failed "nothing to check: $3"
	[ "$(count "$1")" = "$2" ] || failed "$(count "$1") alerts $1, $2 $3" "$tmp/json"
}
# one alert differs though it is there before and after: of 10.0.0.66, opened later
is_count gained $(($(comm -13 "$tmp/a" "$tmp/b" | wc -l) - 1)) 'openings are only after'
is_count lost $(($(comm -23 "$tmp/a" "$tmp/b" | wc -l) - 1)) 'openings are only before'
is_count same "$(comm -12 "$tmp/a" "$tmp/b" | wc -l)" 'openings are the same'
is_count changed 1 'is known'
says out '{"rule":"fresh","is":"added"'
says out '{"rule":"gone","is":"removed"'
says out '{"rule":"spam","is":"changed","before":2,"after":1,"gained":0,"lost":1,"changed":1,"same":0}'
says out '"is":"same"'

expect 0 "$tocsin" diff "$old" "$new" "$capture" --limit 3
says out "added   fresh ($new:2)"
says out "changed spam ($new:1)"
says out 'critical, 101 flows: 10.0.0.66 51; was high; opens 9s189ms later; was: 10.0.0.66 6'
says out 'more (--limit)'
silent err
cp "$tmp/out" "$tmp/one"
expect 0 "$tocsin" diff "$old" "$new" "$capture" --limit 3 --batch-size 1
same 'the size of batches' "$tmp/one" "$tmp/out"

# nothing changed: nothing is said to
expect 0 "$tocsin" diff "$old" "$old" "$capture"
says out '0 alerts gained, 0 lost, 0 changed'
says out '4 rules as before'

# a directory as a ruleset, and what the site says, for both
mkdir "$tmp/v1" "$tmp/v2"
echo 'ruleset lib { version "1" } set mail = site rule spam { when count(dst_port == 25) by src over 60s > 50 except src in mail }' > "$tmp/v1/spam.tsn"
sed 's/> 50/> 5/' "$tmp/v1/spam.tsn" > "$tmp/v2/spam.tsn"
echo 'override lib { set mail = { 10.0.0.25 } }' > "$tmp/site.tsn"
expect 0 "$tocsin" diff "$tmp/v1" "$tmp/v2" -r "$tmp/site.tsn" "$capture"
says out 'changed lib.spam'
says out '0 alerts gained, 0 lost, 1 changed'
expect 1 "$tocsin" diff "$tmp/v1" "$tmp/v2" "$capture"
says err 'mail'

# what is wrong is told once, though both runs meet it
head -c 20000 "$capture" > "$tmp/cut.pcap"
expect 3 "$tocsin" diff "$old" "$new" "$tmp/cut.pcap" "$tmp/missing"
says out 'alerts gained'
checks=$((checks + 1))
[ "$(grep -c 'missing' "$tmp/err")" = 1 ] || failed 'told once' "$tmp/err"
expect 2 "$tocsin" diff "$old" "$new"
says err 'diff OLD NEW INPUT'
expect 2 "$tocsin" diff "$old" "$new" -
says err 'read only once'
echo 'rule a { when dst_prt == 1 }' > "$tmp/bad.tsn"
expect 1 "$tocsin" diff "$old" "$tmp/bad.tsn" "$capture"
says err 'did you mean "dst_port"?'
finish
