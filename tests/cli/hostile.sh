#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Hostile and broken input in 64 MiB of address space: nothing that a number read from it can do may use more, crash or
# hang. The program here is the one without sanitizers, which could not live in so little.
. tests/cli/lib
release=${TSN_RELEASE:-build/tocsin}
if [ ! -x "$release" ] || [ ! -x "$programs/hostile" ] || [ ! -x "$programs/spoil" ]; then
	echo "NOT CHECKED: hostile input: the programs are not built"
	exit 0
fi

limited() { # COMMAND...: status in $got, output in $tmp/out and $tmp/err
	(
		ulimit -v 65536
		timeout 30 "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
	)
	got=$?
}
survives() { # FILE WHAT: read or refused, but neither crashed, nor hung, nor out of memory
	limited "$release" show -q --count "$1"
	checks=$((checks + 1))
	case $got in
	0 | 3) ! grep -q 'memory is out' "$tmp/err" || failed "memory was out: $2" "$tmp/err" ;;
	*) failed "exit status $got: $2" "$tmp/err" ;;
	esac
}
told() { # EXPORTER COUNTER LEAST: what the table of exporters says
	checks=$((checks + 1))
	n=$(grep "\"$1\"" "$tmp/out" | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p")
	[ "${n:-0}" -ge "$3" ] || failed "$1: $2 is ${n:-absent}, not $3 or more" "$tmp/out" "$tmp/err"
}

"$programs/hostile" templates 1000000 > "$tmp/templates.pcap"
limited "$release" exporters --format json "$tmp/templates.pcap"
checks=$((checks + 1))
[ $got = 0 ] || failed "a million templates: exit status $got" "$tmp/err"
told 192.0.2.66 templates_refused 500000
told 192.0.2.1 flows 10
"$programs/hostile" sampling 20000 > "$tmp/sampling.pcap"
limited "$release" exporters --format json "$tmp/sampling.pcap"
checks=$((checks + 1))
[ $got = 0 ] || failed "twenty thousand changes of sampling: exit status $got" "$tmp/err"
told 192.0.2.67 sampling_changes 19999
told 192.0.2.67 flows 20000
told 192.0.2.1 flows 10

# More flows at a time than there is room for: some leave early, none is lost.
"$programs/flowgen" --flows 300000 --packets --hosts 20000000 --rate 300000000 --seed 3 --out "$tmp/flood.pcap"
limited "$release" show -q --count --where 'packets > 0' "$tmp/flood.pcap"
checks=$((checks + 1))
[ $got = 0 ] && [ "$(cat "$tmp/out")" -gt 250000 ] || failed "a flood of flows to meter: exit status $got" "$tmp/out" "$tmp/err"

# --- what is broken: our recordings, generated exports of every format, and the collection beside the project if it is there ---

for format in 0 1 5 7 9 10; do
	"$programs/flowgen" --flows 3000 --netflow $format --out "$tmp/netflow$format.pcap"
done
"$programs/flowgen" --flows 1000 --packets --out "$tmp/packets.pcap"
gzip -k "$tmp/netflow9.pcap"
{
	ls "$tmp"/netflow* "$tmp/packets.pcap" tests/fixtures/*.pcap*
	[ ! -d ../shared/data ] || find ../shared/data/exporter_packets ../shared/data/flow_files ../shared/data/raw_packets \
	    ../shared/data/labelled -type f -size -600k ! -name '*.json' ! -name '*.conf' ! -name '*.map' ! -name '*.yaml' ! -name '*.out' ! -name '*.test'
} > "$tmp/files"
seed=0
spoils=1
[ -z "$TSN_SOAK" ] || spoils=$(seq 40)
while read -r file; do
	survives "$file" "$file"
	for _ in $spoils; do
		seed=$((seed + 1))
		"$programs/spoil" "$file" $seed > "$tmp/spoiled"
		survives "$tmp/spoiled" "spoil $file $seed"
	done
done < "$tmp/files"
finish
