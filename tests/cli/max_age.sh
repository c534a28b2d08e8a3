#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Sets and tables from files that have become too old: nothing is known to be in them, and nothing not to be (S37).
. tests/cli/lib

mkdir "$tmp/rules"
echo 44.128.0.0/9 > "$tmp/rules/old.txt"
echo 44.129.0.0/16 > "$tmp/rules/new.txt"
printf 'key,value\n44.129.0.0/16,1000\n' > "$tmp/rules/limits.csv"
cat > "$tmp/rules/feeds.tsn" << 'END'
set  feed  = file "old.txt" max_age 1d
set  fresh = file "new.txt" max_age 2d
set  both  = { feed, fresh }
set  plain = file "old.txt"
table limit = file "limits.csv" default 0 max_age 1d
define worm = dst_port == 1434 and proto == udp
rule inside   { when worm and dst in feed alert each }
rule outside  { when worm and not (dst in feed) alert each }
rule written  { when worm and dst not in feed alert each }
rule either   { when worm and (dst in feed or dst in plain) alert each }
rule united   { when worm and dst in both alert each }
rule ageless  { when worm and dst in plain alert each }
rule above    { when worm and bytes > limit(dst) alert each }
rule counted  { when count(worm and dst in feed) by src over 10s >= 100 }
END
# The 120 flows of the worm are of 19:10:09 to 19:10:11 on the 23rd.
told() { # TIME OF WRITING: how many records each rule makes, in $tmp/told
	TZ=UTC touch -d "$1" "$tmp/rules/old.txt" "$tmp/rules/limits.csv"
	expect 0 "$tocsin" run -q -r "$tmp/rules" --batch-size "${2:-2048}" "$capture"
	grep -o '"rule":"[a-z]*"' "$tmp/out" | sort | uniq -c | sed 's/^ *//; s/"rule"://; s/"//g' > "$tmp/told"
}
TZ=UTC touch -d '2026-11-23 10:00' "$tmp/rules/new.txt"
told '2026-11-23 10:00'
is told '91 above
120 ageless
2 counted
120 either
120 inside
120 united'
# A day later nothing is known of the feed; what is joined with `or` still holds where the rest of it does.
told '2026-11-22 10:00'
is told '120 ageless
120 either'
# It becomes too old in the midst of the flows, at the same one whatever the batches.
told '2026-11-22 19:10:10'
mv "$tmp/told" "$tmp/whole"
told '2026-11-22 19:10:10' 1
same 'in batches of 1' "$tmp/whole" "$tmp/told"
"$tocsin" show -q --where 'dst_port == 1434 and proto == udp' --fields end --format csv "$capture" > "$tmp/ends"
n=$(awk -F'[T:.Z]' 'NR > 1 && $2 ":" $3 ":" $4 "." $5 <= "19:10:10.000"' "$tmp/ends" | wc -l)
checks=$((checks + 1))
[ "$n" -gt 0 ] && [ "$n" -lt 120 ] || failed "no flow before or after: $n" "$tmp/ends"
says told "$n inside"
says told "$n united"
says told '120 ageless'
# What becomes of a condition over these flows is told of it as it is written.
expect 0 "$tocsin" explain -r "$tmp/rules" --why written "$capture"
says out '3  not (dst in feed)'
expect 1 grep -q '4  ' "$tmp/out"
# As old as can be is too old.
told '1970-01-01 00:00:00'
is told '120 ageless
120 either'
# A file of the future, beyond the nanoseconds that a number holds: not all file systems know such times.
told '2400-01-01 00:00:00'
[ "$(date -r "$tmp/rules/old.txt" +%Y)" != 2400 ] || says told '120 inside'
# What is found in rules is found with files that have an age as it is without.
mkdir "$tmp/aged" "$tmp/ageless"
echo 10.0.0.1 | tee "$tmp/aged/feed.txt" > "$tmp/ageless/feed.txt"
cat > "$tmp/ageless/lint.tsn" << 'END'
set feed = file "feed.txt"
rule alternatives { when not (dst in feed or dst_port == 7) alert each }
rule contrary { when dst in feed and not (dst in feed) alert each }
rule joined { where dst in feed when dst not in feed and bytes > 4 alert each }
rule always { when dst in feed or not (dst in feed) alert each }
rule hidden { when dst in feed except dst not in feed alert each }
rule counts { when count(dst in feed and dst not in feed) by src over 1m > 5 }
rule slow { when tls_sni ~ /x.*y/ and dst in feed alert each }
END
sed 's/"feed.txt"/& max_age 1d/' "$tmp/ageless/lint.tsn" > "$tmp/aged/lint.tsn"
for of in ageless aged; do
	"$tocsin" lint "$tmp/$of/lint.tsn" | sed "s/$of/which/" > "$tmp/$of.lint"
done
same 'findings' "$tmp/ageless.lint" "$tmp/aged.lint"
expect 0 grep -q '(never)' "$tmp/aged.lint"
printf 'set ports = file "ports.txt" max_age 1d\nrule none { when dst_port in ports and proto == icmp }\n' > "$tmp/aged/none.tsn"
echo 80 > "$tmp/aged/ports.txt"
expect 1 "$tocsin" check "$tmp/aged/none.tsn"
says err 'ICMP flows have no ports'
finish
