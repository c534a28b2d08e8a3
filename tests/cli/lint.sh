#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin lint: findings at their place, in text and as JSON; the library and the starting points are clean.
. tests/cli/lib

expect 0 "$tocsin" lint stdlib-rules
says out 'nothing found'
expect 0 "$tocsin" lint -r stdlib-rules rules
says out 'nothing found'
expect 0 "$tocsin" lint tests/fixtures/demo.tsn -r stdlib-rules
cat > "$tmp/bad.tsn" << 'END'
rule never {
    when dst_port > 10 and dst_port < 5
    test "a" fires { flow { proto = tcp, dst_port = 7 } }
    test "b" quiet { flow { proto = tcp } }
}
END
expect 1 "$tocsin" lint "$tmp/bad.tsn"
says out "$tmp/bad.tsn:2:28: warning: no flow can meet this and dst_port > 10 (never) [W900]"
says out '1 rule: 1 finding'
silent err
expect 1 "$tocsin" lint --format json "$tmp/bad.tsn"
says out '"name":"never"'
says out '"line":2,"column":28,"end_line":2,"end_column":40'
expect 0 python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$tmp/out"
echo 'rule broken { when dst_prt == 1 }' > "$tmp/broken.tsn"
expect 1 "$tocsin" lint "$tmp/broken.tsn"
says out 'did you mean "dst_port"?'
# findings are about what was named, not about what it needs
expect 1 "$tocsin" lint "$tmp/bad.tsn" rules/first.tsn
says out '2 rules: 1 finding'
expect 0 "$tocsin" lint rules/first.tsn -r "$tmp/bad.tsn"
# more than are shown are counted
for i in $(seq 150); do echo "rule r$i { when dst_port == $i }"; done > "$tmp/many.tsn"
expect 1 "$tocsin" lint "$tmp/many.tsn"
says out '150 findings, the first 100 are shown'
expect 2 "$tocsin" lint
expect 2 "$tocsin" lint --format yaml rules
# the manual names every finding
expect 0 "$tocsin" lint --list
sed 's/^\(W[0-9]*\)  \([a-z-]*\) .*/.It Cm \2 Pq \1/' "$tmp/out" > "$tmp/names"
while read -r line; do
	expect 0 grep -qFx "$line" docs/man/tocsin.1
done < "$tmp/names"
finish
