#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin tune: the alerts it predicts for a number are those that `run` raises with that number, and the groups it counts
# are those of another way to count. Each rule has its threshold where another rule has a mark, @1 and so on.
. tests/cli/lib
unset LC_ALL LC_CTYPE LANG
cat > "$tmp/marked" <<'END'
ruleset m { version "1" }
let a1 = @1  let a2 = @2
define many = distinct(dst_port) by src over 2m > @4
rule r1 { severity low, high when value > 2 * a1 when count() by src over 60s > a1 }
rule r2 { when count(flags has SYN) by src, dst over 30s >= a2 alert once per 5m }
rule r3 { when sum(bytes) by dst over 60s > @3 for 1m }
rule r4 { where proto == tcp when many }
rule r5 { where dst_port == 53 when count() by src per 1m > @5 except src in 10.0.1.0/24 }
rule r6 { when jitter() by src, dst over 5m < @6 }
rule r7 { when rank(sum(bytes)) by src per 30s <= @7 }
rule r8 { when not (avg(packets) by src over 60s < @8) }
rule r9 { when entropy(dst) by src over 60s > @9 and count() by src over 60s > 5 }
rule r10 { when rate(bytes) by dst per 30s < @A }
rule r11 { when distinct(dst) over 60s > @B alert each }
rule r12 { when @C < distinct(src) by dst over 60s alert once by dst/24 per 10m }
END
rules="1 2 3 4 5 6 7 8 9 A B C"
filled() { # VALUE for each mark
	script=
	for mark in $rules; do
		script="$script;s/@$mark/$1/"
		shift
	done
	sed "${script#;}" "$tmp/marked"
}
filled 20 5 200000 6 3 0.4 5 12.0 2.0 2000.0 300 30 > "$tmp/rules.tsn"

bulk=${TSN_RELEASE:-$tocsin} # without sanitizers, where there are many runs
# --- one pass for all numbers against one run for each: with the least and the largest number and one between (soak: five) ---
n=0
for mark in $rules; do
	n=$((n + 1))
	expect 0 "$bulk" tune -q -r "$tmp/rules.tsn" "r$n" "$capture" --format json
	sed -n "s/.*{\"n\":\"\([^\"]*\)\".*\"alerts\":\([0-9]*\),.*/r$n \1 \2/p" "$tmp/out" >> "$tmp/tuned"
	grep -q '"now":true' "$tmp/out" || failed "r$n: the present number is not among those tried" "$tmp/out"
done
for part in 1 3 5 ${TSN_SOAK:+2 4}; do # of five
	awk -v part=$part '{ v[$1, ++of[$1]] = $0 } END {
		for (n = 1; n <= 12; n++)
			print v["r" n, part == 1 ? 1 : int((of["r" n] * part + 4) / 5)]
	}' "$tmp/tuned" > "$tmp/predicted"
	filled $(cut -d' ' -f2 "$tmp/predicted") > "$tmp/other.tsn"
	expect 0 "$bulk" run -q -r "$tmp/other.tsn" "$capture" --summary "$tmp/summary"
	grep -o '"m\.r[0-9]*":{"matches":[0-9]*,"alerts":[0-9]*' "$tmp/summary" | sed 's/"m\.\(r[0-9]*\)".*:/\1 /' > "$tmp/raised"
	awk 'NR == FNR { raised[$1] = $2; next } { print ($1 in raised) && raised[$1] == $3 ? "same" : $1 ", " $2 ": " raised[$1] " alerts, predicted " $3 }' \
		"$tmp/raised" "$tmp/predicted" > "$tmp/compared"
	checks=$((checks + 12))
	[ "$(grep -cx same "$tmp/compared")" = 12 ] || failed "other alerts than were predicted" "$tmp/compared"
done
checks=$((checks + 1)) # that zeros are not all that was compared
[ "$(awk '$3 > 1' "$tmp/tuned" | wc -l)" -gt 60 ] || failed 'too few alerts to tell'

# --- groups beyond N are those of `top`: of an aggregate that covers the whole capture ---
echo 'rule all { when count() by src over 1h > 100 }' > "$tmp/all.tsn"
expect 0 "$tocsin" tune -q -r "$tmp/all.tsn" all "$capture" --at 10,20,50 --format json
cp "$tmp/out" "$tmp/all.json"
"$bulk" top -q "$capture" --by src --of flows -n 100000 --format csv | sed 1d > "$tmp/top"
for n in 10 20 50 100; do
	checks=$((checks + 1))
	want=$(awk -F, -v n=$n '$2 > n' "$tmp/top" | wc -l)
	grep -q "{\"n\":\"$n\",.*\"groups\":$want," "$tmp/all.json" || failed "groups beyond $n: not $want" "$tmp/all.json"
done
median=$(cut -d, -f2 "$tmp/top" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[NR] }')
grep -q "\"by_group\":{\"p50\":${median% *},.*\"extreme\":${median#* }}" "$tmp/all.json" || failed "median and largest are not $median" "$tmp/all.json"

# --- what is written is a part of the rules, and does what was said: a constant, a number in `when`, one in a define ---
for rule in r1 r3 r4 r6; do
	rm -f "$tmp/tuned.tsn"
	expect 0 "$tocsin" tune -q -r "$tmp/rules.tsn" $rule "$capture" --alerts-per-day 3 --write "$tmp/tuned.tsn" --format json
	n=$(sed -n 's/.*"suggested":"\([^"]*\)".*/\1/p' "$tmp/out")
	want=$(sed -n "s/.*{\"n\":\"$n\".*\"alerts\":\([0-9]*\),.*/\1/p" "$tmp/out")
	expect 0 "$bulk" run -q -r "$tmp/rules.tsn" -r "$tmp/tuned.tsn" "$capture" --summary "$tmp/summary"
	checks=$((checks + 1))
	grep -q "\"m.$rule\":{\"matches\":[0-9]*,\"alerts\":$want[,}]" "$tmp/summary" || failed "$rule with $n: not $want alerts" "$tmp/summary" "$tmp/tuned.tsn"
	expect 0 "$bulk" fmt --check "$tmp/tuned.tsn"
done
# again: its own file may be replaced, a person's not
expect 0 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --write "$tmp/tuned.tsn"
expect 2 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --write "$tmp/all.tsn"
says err 'was not written by tune'
echo 'override m.r1 { let a1 = 7 }' > "$tmp/site.tsn"
rm "$tmp/tuned.tsn"
expect 1 "$tocsin" tune -q -r "$tmp/rules.tsn" -r "$tmp/site.tsn" r1 "$capture" --write "$tmp/tuned.tsn"
says err 'nothing was written'
[ -e "$tmp/tuned.tsn" ] && failed 'it was written all the same'
# ...though its numbers are right: those of the site's own included
grep -q 'a1 is 7' "$tmp/out" || failed 'the site has its own number' "$tmp/out"

# --- the page: well-formed, alone, and says the same ---
expect 0 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --html "$tmp/page.html"
for text in '<svg' 'prefers-color-scheme: dark' 'suggested' '10.0.0.66'; do
	checks=$((checks + 1))
	grep -qF -e "$text" "$tmp/page.html" || failed "the page lacks $text"
done
checks=$((checks + 1))
grep -qE '<script|https?:|@import|url\(' "$tmp/page.html" && failed 'the page is not alone'
if command -v python3 > /dev/null; then
	cat > "$tmp/parse.py" <<'END'
import sys, html.parser
open_tags = []
class Parser(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        if tag not in ('meta', 'br'): open_tags.append(tag)
    def handle_endtag(self, tag):
        assert open_tags.pop() == tag, tag
    def handle_startendtag(self, tag, attrs): pass
Parser().feed(open(sys.argv[1]).read())
assert not open_tags, open_tags
END
	expect 0 python3 "$tmp/parse.py" "$tmp/page.html"
	expect 0 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --format json
	cp "$tmp/out" "$tmp/r1.json"
	expect 0 python3 -m json.tool "$tmp/r1.json"
else
	echo 'NOT CHECKED: no python3 to read the page and the JSON'
fi

# --- golden ---
golden=tests/golden/tune
mkdir -p "$golden"
compare() { # NAME COMMAND...
	name=$1
	shift
	expect 0 "$@"
	[ -n "$TSN_GOLDEN_WRITE" ] && cp "$tmp/out" "$golden/$name"
	same "$name" "$golden/$name" "$tmp/out"
}
compare count.txt "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture"
compare jitter.txt env LANG=C.UTF-8 "$tocsin" tune -q -r "$tmp/rules.tsn" r6 "$capture" -n 3
compare stdlib.txt "$bulk" tune -q -r stdlib-rules -r tests/fixtures/demo.tsn smtp_spam "$capture" --at 5,50,500
compare silent.txt "$tocsin" tune -q -r "$tmp/rules.tsn" r5 "$capture" -n 0 --at 2
expect 0 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --batch-size 7
same 'the size of batches' "$golden/count.txt" "$tmp/out"

# --- what cannot be tuned, and what is wrong ---
cat > "$tmp/odd.tsn" <<'END'
rule flow { when dst_port == 1434 }
rule fresh { when new(src) over 1h }
rule equal { when count() by src over 60s == 7 }
table most = { 10.0.0.0/8 = 500 } default 100
rule asked { when count() by src over 60s > most(src) }
END
expect 1 "$tocsin" tune -q -r "$tmp/odd.tsn" flow "$capture"
says err 'rule flow has no threshold: it looks at one flow at a time'
expect 1 "$tocsin" tune -q -r "$tmp/odd.tsn" fresh "$capture"
says err 'compares nothing with a threshold'
expect 1 "$tocsin" tune -q -r "$tmp/odd.tsn" equal "$capture"
says err 'nothing to raise or to lower'
expect 1 "$tocsin" tune -q -r "$tmp/odd.tsn" asked "$capture"
says err 'compares with what is no constant'
expect 1 "$tocsin" tune -q -r "$tmp/odd.tsn" flwo "$capture"
says err 'did you mean "flow"?'
expect 2 "$tocsin" tune -r "$tmp/rules.tsn" r1
says err 'NAME INPUT'
expect 2 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --at 5,many
says err '--at takes numbers'
expect 2 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" --alerts-per-day few
says err '--alerts-per-day takes a number'
expect 3 "$tocsin" tune -q -r "$tmp/rules.tsn" r1 "$capture" "$tmp/missing"
says out 'suggested'
finish
