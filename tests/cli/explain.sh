#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin explain: why a rule did not fire, what another constant would have raised, what groups may take. What it counts
# is counted again by `show` and `run`.
. tests/cli/lib
rules=$tmp/rules.tsn
cat > "$rules" <<'END'
ruleset probe { version "1" }
set relays = { 10.0.0.25 }
let limit = 100
rule spam {
    where   proto == tcp and dst_port == 25
    when    count() by src over 60s > limit
    except  src in relays
}
rule web { when dst_port == 80 and packets > 4 and src in 10.0.0.0/8 }
rule quiet { when sum(bytes where dst_port == 443) by dst over 60s < 1000000 and dst_port == 443 and bytes > 100M }
END
count() { "$tocsin" show "$capture" --where "$1" --count; }
part() { # NUMBER TEXT WHERE: its flows are those that show counts
	want=$(count "$3")
	got=$(awk -v part="$1" -v text="$2" '$5 == part && index($0, text) { print $1 }' "$tmp/out")
	checks=$((checks + 1))
	[ "$got" = "$want" ] || failed "part $1, $2: $got flows, show counts $want" "$tmp/out"
}

# --- stateless: each part, and what passes the ones before it ---
expect 0 "$tocsin" explain -r "$rules" --why web "$capture"
part 1 'dst_port == 80' 'dst_port == 80'
part 2 'packets > 4' 'packets > 4'
part 3 'src in 10.0.0.0/8' 'src in 10.0.0.0/8'
all=$(count 'dst_port == 80 and packets > 4 and src in 10.0.0.0/8')
checks=$((checks + 1))
[ "$(awk '$5 == 3 { print $4 }' "$tmp/out")" = "$all" ] || failed 'flows that passed all parts' "$tmp/out"
says out "$all match"
alone=$(count 'dst_port == 80 and packets <= 4 and src in 10.0.0.0/8')
[ "$alone" -gt 0 ] && says out "kept out by part 2 alone: $alone flow"

# --- aggregates: counted flows, groups and their peak ---
expect 0 "$tocsin" explain -r "$rules" --why probe.spam "$capture"
counted=$(count 'proto == tcp and dst_port == 25')
says out "counted $counted flows in"
says out 'src 10.0.0.66                             value 180'
says out 'rule probe.spam'
matches=$("$tocsin" run -q -r "$rules" --summary "$tmp/summary" "$capture" > /dev/null; sed 's/.*"probe.spam":{"matches":\([0-9]*\),"alerts":\([0-9]*\).*/\1 \2/' "$tmp/summary")
says out "${matches% *} matches, ${matches#* } alert"

# --- another constant: the alerts of a rule that has it ---
for limit in 5 9 50 1000; do
	expect 0 "$tocsin" explain -r "$rules" --why spam --what-if $limit "$capture"
	sed "s/let limit = 100/let limit = $limit/" "$rules" > "$tmp/other.tsn"
	"$tocsin" run -q -r "$tmp/other.tsn" "$capture" > "$tmp/alerts"
	n=$(grep -c '"rule":"probe.spam".*"state":"open"' "$tmp/alerts")
	says out "with $limit in place of 100: $n alert"
done
expect 1 "$tocsin" explain -r "$rules" --why spam --what-if 5m "$capture"
says err 'this is a duration'
expect 1 "$tocsin" explain -r "$rules" --why span "$capture"
says err 'did you mean "spam"?'
expect 2 "$tocsin" explain -r "$rules" --why spam
says err 'no input'
expect 2 "$tocsin" explain "$rules" --what-if 3
says err '--why RULE'

# --- except hides, and says how much ---
sed 's/10.0.0.25/10.0.0.66/' "$rules" > "$tmp/hidden.tsn"
expect 0 "$tocsin" explain -r "$tmp/hidden.tsn" --why spam "$capture"
says out 'except hid 80 flows'
says out '0 matches, 0 alerts'

# --- memory ---
expect 0 "$tocsin" explain "$rules" --memory
says out 'count() over 1m'
says out 'of probe.spam'
says out 'at their worst together'
says out 'beside that: up to 4.0 MiB a state of pages'
says out 'if a reload finds all groups made for other functions'
for memory in 1MiB 64MiB 1GiB; do
	{ cat "$rules"; echo "site { memory $memory }"; } | sed 's/^ruleset.*//' > "$tmp/site.tsn"
	expect 0 "$tocsin" explain "$tmp/site.tsn" --memory
	worst=$(sed -n 's/^at their worst together: .*(\([0-9]*\) bytes).*/\1/p' "$tmp/out")
	given=$(sed -n 's/^the site gives them .*(\([0-9]*\) bytes).*/\1/p' "$tmp/out")
	checks=$((checks + 1))
	[ "$worst" -le "$given" ] || failed "$worst bytes of $given" "$tmp/out"
	# no less than half of what is there, or all that is wanted
	checks=$((checks + 1))
	[ $((worst * 2)) -ge "$given" ] || grep -q '^ *1000000 ' "$tmp/out" || failed "only $worst bytes of $given" "$tmp/out"
done
echo 'rule top { when rank(sum(bytes, max_keys 64000)) by src per 60s <= 20 }' > "$tmp/rank.tsn"
expect 0 "$tocsin" explain "$tmp/rank.tsn" --memory
says out 'while a tick closes windows: 10.7 MiB (11264000 bytes)'
# it is part of what the site gives: of two kinds of groups alike but for their closing, the one that closes has fewer
groups() { # RULE
	echo "rule one { when $1 } site { memory 16MiB }" > "$tmp/one.tsn"
	"$tocsin" explain "$tmp/one.tsn" --memory > "$tmp/out" 2> /dev/null
	awk '$1 ~ /^[0-9]+$/ { print $1; exit }' "$tmp/out"
}
decided=$(groups 'count() by src per 60s > 20')
closing=$(groups 'count() by src per 60s < 20')
checks=$((checks + 1))
[ "$closing" -gt 1024 ] && [ "$closing" -lt $((decided * 9 / 10)) ] || failed "$closing groups that close, $decided that need not" "$tmp/out"
says out 'of that, while a tick closes windows'
{ sed 's/^ruleset.*//' "$rules"; echo 'site { memory 100kB }'; } > "$tmp/site.tsn"
expect 1 "$tocsin" check "$tmp/site.tsn"
says err 'memory is not enough: with 1024 groups each, the 2 kinds of groups'

# --- what is made of several functions is one part ---
echo 'rule fresh { when new(src) over 10s }' > "$tmp/new.tsn"
expect 0 "$tocsin" explain -r "$tmp/new.tsn" --why fresh "$capture"
checks=$((checks + 1))
[ "$(grep -c ' 1  new(src)$' "$tmp/out")" = 1 ] || failed 'one part, told once' "$tmp/out"
finish
