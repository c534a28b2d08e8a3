#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
#
#     bench.sh BUILD
#
# `make bench`: Tocsin and nfdump over the same made-up flows, in one interleaved run; what it
# prints and what is to be said against it: docs/performance.md. BENCH_FLOWS (4000000) flows of
# BENCH_HOSTS (400000) hosts, BENCH_ROUNDS (5) rounds. What is made is kept in BUILD/bench.
set -eu

build=$1
flows=${BENCH_FLOWS:-4000000}
hosts=${BENCH_HOSTS:-400000}
rounds=${BENCH_ROUNDS:-5}
tocsin=$build/tocsin
work=$build/bench
mkdir -p "$work"

# --- the flows ---

# generate FILE OPTION...: under another name first, so that half a file is never taken for one
generate() {
	file=$1
	shift
	[ -f "$file" ] && return
	echo "making $(basename "$file")..."
	"$build/flowgen" --flows "$flows" "$@" --out "$file.part"
	mv "$file.part" "$file"
}

capture=$work/flows-$flows-$hosts.pcap
many=$work/many-$flows.pcap
peers=$work/nfdump-$flows-$hosts
generate "$capture" --hosts "$hosts" --rate 20000 --seed 1
# all within a minute; every source a few times at most
generate "$many" --hosts 20000000 --rate 200000 --seed 2
if [ ! -d "$peers" ]; then
	echo "giving the flows to nfdump's collector..."
	bash tests/gen/to_nfcapd.sh "$build/replay" "$capture" "$peers.part" > /dev/null
	mv "$peers.part" "$peers"
fi

# --- the same workload in the other formats; each a quarter as long ---

part=$((flows / 4))
for format in 9 10 0; do
	generate_part=$work/format$format-$part.pcap
	[ -f "$generate_part" ] && continue
	"$build/flowgen" --flows "$part" --hosts "$hosts" --rate 20000 --seed 1 --netflow $format --out "$generate_part.part"
	mv "$generate_part.part" "$generate_part"
done
five=$work/format5-$part.pcap
[ -f "$five" ] || { "$build/flowgen" --flows "$part" --hosts "$hosts" --rate 20000 --seed 1 --out "$five.part"; mv "$five.part" "$five"; }
packets=$work/packets-$part.pcap
[ -f "$packets" ] || { "$build/flowgen" --flows "$part" --hosts "$hosts" --rate 20000 --seed 1 --packets --out "$packets.part"; mv "$packets.part" "$packets"; }
for pack in none lzo lz4 bz2; do
	[ -d "$work/files-$pack-$part" ] && continue
	case $pack in none) option= ;; lzo) option=-z ;; lz4) option=-y ;; bz2) option=-j ;; esac
	PACK=$option RATE=$([ $pack = bz2 ] && echo 3000 || echo 20000) bash tests/gen/to_nfcapd.sh "$build/replay" "$five" "$work/files-$pack-$part.part" > /dev/null
	mv "$work/files-$pack-$part.part" "$work/files-$pack-$part"
done
csv=$work/flows-$part.csv
[ -f "$csv" ] || { "$tocsin" show -q --format csv "$five" > "$csv.part"; mv "$csv.part" "$csv"; }

# --- the rules: three parts each, so seldom true that the time goes into testing, not into alerts ---

# mixed N: ports, prefixes, flags, sizes
mixed() {
	awk -v n="$1" 'BEGIN {
		for (i = 0; i < n; i++) {
			port = 1 + (i * 7919) % 60000; k = 10 + i % 97; a = i % 256
			if (i % 4 == 0) c = "proto == tcp and dst_port == " port " and packets > " k
			else if (i % 4 == 1) c = "proto == udp and src_port == " port " and bytes >= " k * 10
			else if (i % 4 == 2) c = "src in 10." a ".0.0/16 and dst_port == " port " and flags has SYN"
			else c = "proto == tcp and dst in 44." a ".0.0/16 and bytes_per_packet > " 40 + k
			print "rule r" i " { when " c " }"
		}
	}'
}

# of_tcp N BEFORE AND_PORT AND_PACKETS AFTER BETWEEN: of one kind, for both programs
of_tcp() {
	awk -v n="$1" -v before="$2" -v port="$3" -v packets="$4" -v after="$5" -v between="$6" 'BEGIN {
		for (i = 0; i < n; i++)
			printf "%s%s%s%d%s%d%s", i ? between : "", before, port, 1 + (i * 7919) % 60000, packets, 10 + i % 97, after
	}'
}

for n in 1 10 100 1000; do
	mixed $n > "$work/mixed$n.tsn"
done
# tocsin tells which of the rules were met; nfdump only that one was
of_tcp 100 'rule { when proto == tcp and ' 'dst_port == ' ' and packets > ' ' }' '
' | awk '{ sub("rule", "rule r" NR); print }' > "$work/tcp100.tsn"
of_tcp 100 '(proto tcp and ' 'dst port ' ' and packets > ' ')' ' or ' > "$work/or100.nfdump"

# --- the race ---

bytes() { du -sb "$1" | cut -f1; }
lane() { printf '%s\t%s\t%s\n' "$1" "$2" "$3 > /dev/null"; }
each='count(max_keys 2M) by src over 60s > 1000000' # of every flow, true of none

echo "$("$tocsin" version | head -1); $(nfdump -V 2>&1 | head -1); $(gcc -dumpfullversion | sed 's/^/gcc /')"
echo "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg); $(uname -sr); $(date -u +%F)"
echo "$flows flows of $hosts hosts: $(($(bytes "$capture") / flows)) bytes a flow for tocsin (NetFlow v5 in pcap), $(($(bytes "$peers") / flows)) for nfdump (its own files)"
echo "CPU time (user and system, all threads) of whole processes, medians of $rounds rounds; page cache warm"
{
	lane "reading the capture, dd"            -  "dd if=$capture bs=64k status=none"
	lane "nfdump, read only"                  -  "nfdump -R $peers -o null any"
	lane "nfdump, dst port 25"                -  "nfdump -R $peers -o null 'dst port 25'"
	lane "nfdump, OR of 100 three-part rules" -  "nfdump -R $peers -o null -f $work/or100.nfdump"
	lane "nfdump, -s srcip/flows"             -  "nfdump -R $peers -q -s srcip/flows -n 10"
	lane "tocsin, decode alone"               "nfdump, read only"   "$tocsin show -q --count $capture"
	lane "tocsin, dst_port == 25"             "nfdump, dst port 25" "$tocsin show -q --count --where 'dst_port == 25' $capture"
	lane "tocsin, 100 three-part rules, each told" "nfdump, OR of 100 three-part rules" "$tocsin run -q -r $work/tcp100.tsn $capture"
	for n in 1 10 100 1000; do
		lane "tocsin, $n mixed rules" - "$tocsin run -q -r $work/mixed$n.tsn $capture"
	done
	lane "tocsin, top by src"                 "nfdump, -s srcip/flows" "$tocsin top -q --by src --of flows $capture"
	lane "tocsin, count by src over 60s"      "nfdump, -s srcip/flows" "$tocsin run -q -e '$each' $capture"
	lane "tocsin, the same, a million sources" "nfdump, -s srcip/flows" "$tocsin run -q -e '$each' $many"
	lane "tocsin, distinct(dst) by src over 60s" - "$tocsin run -q -e 'distinct(dst) by src over 60s > 1000000' $capture"
} | "$build/race" "$rounds" "$flows"

echo
echo "decoding, format by format, $part flows each (sFlow: samples; packets: up to four a flow)"
{
	lane "nfdump, its file"            - "nfdump -R $work/files-none-$part -o null any"
	lane "nfdump, its file, LZO"       - "nfdump -R $work/files-lzo-$part -o null any"
	lane "nfdump, its file, LZ4"       - "nfdump -R $work/files-lz4-$part -o null any"
	lane "nfdump, its file, bzip2"     - "nfdump -R $work/files-bz2-$part -o null any"
	lane "tocsin, nfdump's file"       "nfdump, its file"        "$tocsin show -q --count $work/files-none-$part"
	lane "tocsin, nfdump's file, LZO"  "nfdump, its file, LZO"   "$tocsin show -q --count $work/files-lzo-$part"
	lane "tocsin, nfdump's file, LZ4"  "nfdump, its file, LZ4"   "$tocsin show -q --count $work/files-lz4-$part"
	lane "tocsin, nfdump's file, bzip2" "nfdump, its file, bzip2" "$tocsin show -q --count $work/files-bz2-$part"
	lane "tocsin, NetFlow v5"          "nfdump, its file"        "$tocsin show -q --count $five"
	lane "tocsin, NetFlow v9"          "nfdump, its file"        "$tocsin show -q --count $work/format9-$part.pcap"
	lane "tocsin, IPFIX"               "nfdump, its file"        "$tocsin show -q --count $work/format10-$part.pcap"
	lane "tocsin, sFlow v5"            "nfdump, its file"        "$tocsin show -q --count $work/format0-$part.pcap"
	lane "tocsin, packets metered"     -                         "$tocsin show -q --count $packets"
	lane "tocsin, CSV"                 -                         "$tocsin show -q --count $csv"
} | "$build/race" "$rounds" "$part"

echo
bash tests/bench/live.sh "$build" "$work/tcp100.tsn" "$capture" "$work/format9-$part.pcap" "$work/format10-$part.pcap" "$work/format0-$part.pcap"

echo
echo "memory of groups, a million sources:"
"$tocsin" run -v -e "$each" "$many" 2>&1 > /dev/null | sed -n 's/^tocsin: \(.*groups.*\)/\1/p'
