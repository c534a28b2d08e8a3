#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make bench`: Tocsin and nfdump over the same made-up flows, in one interleaved run.
#   bench.sh BUILD
# BENCH_FLOWS (4000000) flows from BENCH_HOSTS hosts, BENCH_ROUNDS (5) rounds. Times are CPU
# seconds of whole processes, start, compilation and reading of the file (page cache warm) included.
set -eu
build=$1
flows=${BENCH_FLOWS:-4000000}
hosts=${BENCH_HOSTS:-400000}
rounds=${BENCH_ROUNDS:-5}
work=$build/bench
mkdir -p "$work"
capture=$work/flows-$flows-$hosts.pcap
many=$work/many-$flows.pcap

[ -f "$capture" ] || "$build/flowgen" --flows "$flows" --hosts "$hosts" --rate 20000 --seed 1 --out "$capture"
# Every source once or twice: a million groups and more.
[ -f "$many" ] || "$build/flowgen" --flows "$flows" --hosts 8000000 --rate 200000 --seed 2 --out "$many"
peers=$work/nfdump-$flows-$hosts
if [ ! -d "$peers" ]; then
	echo "giving the flows to nfdump's collector, once..."
	bash tests/gen/to_nfcapd.sh "$build/replay" "$capture" "$peers.part" > /dev/null && mv "$peers.part" "$peers"
fi

# Mixed rules of three parts: ports, prefixes, flags, sizes.
mixed() {
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++) {
			port = 1 + (i * 7919) % 60000; k = 1 + i % 97; a = i % 256
			if (i % 4 == 0) c = "proto == tcp and dst_port == " port " and packets > " k
			else if (i % 4 == 1) c = "proto == udp and src_port == " port " and bytes >= " k * 10
			else if (i % 4 == 2) c = "src in 10." a ".0.0/16 and dst_port == " port " and flags has SYN"
			else c = "proto == tcp and dst in 44." a ".0.0/16 and bytes_per_packet > " 40 + k
			print "rule r" i " { when " c " }"
		}
	}'
}
or_filter() { # the same tcp rules for nfdump, as one filter that tells only whether any is true
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++) {
			port = 1 + (i * 7919) % 60000; k = 1 + i % 97
			printf "%s(proto tcp and dst port %d and packets > %d)", i ? " or " : "", port, k
		}
	}'
}
tcp_rules() {
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++)
			print "rule r" i " { when proto == tcp and dst_port == " 1 + (i * 7919) % 60000 " and packets > " 1 + i % 97 " }"
	}'
}
for n in 1 10 100 1000; do mixed $n > "$work/mixed$n.tsn"; done
tcp_rules 100 > "$work/tcp100.tsn"
or_filter 100 > "$work/or100.nfdump"

tocsin=$build/tocsin
lane() { printf '%s\t%s\t%s\n' "$1" "$2" "$3"; }
echo "$(nfdump -V 2>&1 | head -1); $flows flows; $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1); $(date -u +%F)"
{
	lane "nfdump, read only"                 -  "nfdump -R $peers -o null 'any' > /dev/null"
	lane "nfdump, dst port 25"               -  "nfdump -R $peers -o null 'dst port 25' > /dev/null"
	lane "nfdump, OR of 100 three-part rules" - "nfdump -R $peers -o null -f $work/or100.nfdump > /dev/null"
	lane "nfdump, -s srcip/flows"            -  "nfdump -R $peers -q -s srcip/flows -n 10 > /dev/null"
	lane "tocsin, decode alone"              "nfdump, read only"   "$tocsin show -q --count $capture > /dev/null"
	lane "tocsin, dst_port == 25"            "nfdump, dst port 25" "$tocsin show -q --count --where 'dst_port == 25' $capture > /dev/null"
	lane "tocsin, 100 three-part rules, each told" "nfdump, OR of 100 three-part rules" "$tocsin run -q -r $work/tcp100.tsn $capture > /dev/null"
	lane "tocsin, 1 mixed rule"              - "$tocsin run -q -r $work/mixed1.tsn $capture > /dev/null"
	lane "tocsin, 10 mixed rules"            - "$tocsin run -q -r $work/mixed10.tsn $capture > /dev/null"
	lane "tocsin, 100 mixed rules"           - "$tocsin run -q -r $work/mixed100.tsn $capture > /dev/null"
	lane "tocsin, 1000 mixed rules"          - "$tocsin run -q -r $work/mixed1000.tsn $capture > /dev/null"
	lane "tocsin, top by src"                "nfdump, -s srcip/flows" "$tocsin top -q --by src --of flows $capture > /dev/null"
	lane "tocsin, count by src over 60s, all flows" "nfdump, -s srcip/flows" "$tocsin run -q -e 'count() by src over 60s > 1000000' $capture > /dev/null"
	lane "tocsin, the same, a million sources" - "$tocsin run -q -e 'count() by src over 60s > 1000000' $many > /dev/null"
	lane "tocsin, distinct(dst) by src over 60s" - "$tocsin run -q -e 'distinct(dst) by src over 60s > 1000000' $capture > /dev/null"
} | "$build/race" "$rounds" "$flows"
echo
echo "memory of groups:"
"$tocsin" run -v -e 'count() by src over 60s > 1000000' "$many" 2>&1 > /dev/null | grep 'groups' || true
