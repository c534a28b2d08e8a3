#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What measurements stand on: flowgen's flows are the same bytes everywhere and as many of each kind as was asked for.
. tests/cli/lib
fast=${TSN_RELEASE:-$tocsin}
if [ ! -x "$programs/flowgen" ]; then
	echo "NOT CHECKED: the generator: it is not built"
	exit 0
fi
made() { # OPTION...: into made.pcap
	expect 0 "$programs/flowgen" --out "$tmp/made.pcap" "$@"
}
flows() { # WHERE: how many of them
	"$fast" show -q --count --where "$1" "$tmp/made.pcap"
}
differing() { # FIELD: how many values it has
	"$fast" show -q --format csv --fields "$1" "$tmp/made.pcap" | tail -n +2 | sort -u | wc -l
}
busiest() { # FIELD: how many flows have its commonest value
	"$fast" show -q --format csv --fields "$1" "$tmp/made.pcap" | tail -n +2 | sort | uniq -c | sort -rn | awk 'NR == 1 { print $1 }'
}
number() { # WHAT LEAST MOST VALUE
	checks=$((checks + 1))
	[ "${4:-0}" -ge "$2" ] && [ "${4:-0}" -le "$3" ] || failed "$1: ${4:-nothing}, not $2 to $3"
}

# --- what other tests and the published figures were made from ---

while read -r sum options; do
	# shellcheck disable=SC2086
	number "flowgen $options" "$sum" "$sum" "$("$programs/flowgen" --flows 20000 --exporters 3 --out - $options | cksum | cut -d' ' -f1)"
done << 'END'
58536784
2376459074 --netflow 0
4045609450 --netflow 1
977200015 --netflow 7
86676603 --netflow 9
1474210491 --netflow 10
3744460329 --edge --v6-exporter
1233686421 --edge --netflow 10
2029471281 --packets --hosts 1000000
END

# --- the options ---

made --flows 20000 --sources 5000
number "sources" 5000 5000 "$(differing src)"
number "flows of the busiest of equal sources" 4 20 "$(busiest src)"
made --flows 20000 --hosts 2000 --zipf 0,0
number "flows of the busiest of equal hosts" 50 999 "$(busiest dst)"
made --flows 20000 --hosts 2000 --zipf 2,2
number "flows of the busiest of unequal hosts" 4000 12000 "$(busiest dst)"
mv "$tmp/made.pcap" "$tmp/unequal.pcap"
made --flows 20000 --hosts 2000 --zipf 0.8,2
number "flows of the busiest when only one side is unequal" 2500 12000 "$(busiest dst)"
made --flows 3000 --values equal
number "one record again and again" 1 1 "$(differing src,dst,src_port,dst_port,proto,packets,bytes,flags)"
made --flows 40000 --values different
for field in src dst src_port dst_port packets bytes; do
	number "values of $field that never come again" 40000 40000 "$(differing $field)"
done
number "protocols" 2 2 "$(differing proto)"

for format in 9 10; do
	made --flows 20000 --netflow $format --hosts 3000
	mail=$(flows 'dst_port == 25')
	made --flows 20000 --netflow $format --hosts 3000 --ipv6 30
	number "IPv6 of NetFlow $format, 30 %" 5000 7000 "$(flows 'ip_version == 6')"
	number "IPv6 and IPv4" 20000 20000 $(($(flows 'ip_version == 6') + $(flows 'ip_version == 4')))
	number "the same mail in both" "$mail" "$mail" "$(flows 'dst_port == 25')"
	number "the inside in both" 20000 20000 "$(flows 'src in {10.0.0.0/8, fd10::/16} or dst in {10.0.0.0/8, fd10::/16}')"
	number "prefixes of IPv6" 1 20000 "$(flows 'ip_version == 6 and src in fd10::/16 and src_mask == 64 and dst_mask == 48')"
	number "exporters that lost nothing and sent two templates" 1 1 "$("$fast" exporters -q --format json "$tmp/made.pcap" | grep -c '"lost":0,"lost_datagrams":0.*"templates":2,')"
	made --flows 2000 --netflow $format --hosts 3000 --ipv6 100
	number "all of them IPv6" 2000 2000 "$(flows 'ip_version == 6')"
done

expect 0 "$programs/flowgen" --flows 3000 --raw --out "$tmp/made.pcap"
number "bytes of raw messages" 146400 146400 "$(wc -c < "$tmp/made.pcap")"
number "flows of raw messages" 3000 3000 "$(flows 'bytes > 0')"
for wrong in '--ipv6 10' '--netflow 9 --ipv6 101' '--zipf 1' '--zipf 1,5' '--zipf 1,1x' '--values odd' '--raw --netflow 9'; do
	# shellcheck disable=SC2086
	expect 2 "$programs/flowgen" --out "$tmp/wrong" $wrong
done
finish
