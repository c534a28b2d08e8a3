#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What show, top and exporters print: tables of several widths against golden texts, sorting and groups
# against sort(1) and awk(1), exporters against damage that is made here.
. tests/cli/lib
golden=tests/golden/show
mkdir -p "$golden"

compare() { # NAME WIDTH COMMAND...: 0 is unlimited
	name=$1
	[ "$2" = 0 ] || export COLUMNS="$2"
	shift 2
	expect 0 "$@"
	unset COLUMNS
	silent err
	[ -z "$TSN_GOLDEN_WRITE" ] || cp "$tmp/out" "$golden/$name.txt"
	same "$name" "$golden/$name.txt" "$tmp/out"
}
widest() { # WIDTH: no line is longer
	checks=$((checks + 1))
	awk -v most="$1" 'length($0) > most { bad = 1 } END { exit bad }' "$tmp/out" || failed "a line is longer than $1" "$tmp/out"
}

cat > "$tmp/site.tsn" << 'END'
site {
    exporter 172.31.255.1 name "core-1"
    exporter 172.31.255.17 name "edge-1" sampling 1
}
END

# --- widths ---
compare show-wide 0 "$tocsin" show "$capture" --limit 12
for width in 120 100 80 60 40; do
	compare "show-$width" $width "$tocsin" show "$capture" --limit 12
	widest $width
done
compare show-v6 100 "$tocsin" show tests/fixtures/demo6.pcap --limit 6
compare show-icmp 80 "$tocsin" show "$capture" --where 'proto == icmp' --limit 6
compare show-plus 0 "$tocsin" show "$capture" --fields +in_if,out_if,src/16 --limit 4
compare show-all 0 "$tocsin" show "$capture" --fields all --limit 3
compare show-raw 0 "$tocsin" show "$capture" --sort -bytes --limit 3 --raw
compare show-names 0 "$tocsin" show "$capture" --sort -bytes --limit 8 --names -r "$tmp/site.tsn" --fields +exporter
compare show-color 100 "$tocsin" show "$capture" --limit 3 --color always
compare groups 0 "$tocsin" show "$capture" --aggregate src/24,dst_port --limit 10
compare groups-80 80 "$tocsin" show "$capture" --aggregate src/24,dst_port --limit 10
compare groups-names 0 "$tocsin" show "$capture" -r "$tmp/site.tsn" --aggregate exporter,proto --sort exporter,-flows
compare groups-icmp 0 "$tocsin" show "$capture" --aggregate icmp_type,icmp_code,dst_port --sort -flows --limit 4
compare top-70 70 "$tocsin" top -q "$capture" --by src/24,proto -n 5
compare top-exporter 0 "$tocsin" top -q "$capture" -r "$tmp/site.tsn" --by exporter
compare exporters 0 "$tocsin" exporters "$capture"
compare exporters-80 80 "$tocsin" exporters "$capture" -r "$tmp/site.tsn"
expect 0 "$tocsin" exporters "$capture" -r "$tmp/site.tsn" --format json
says out '{"exporter":"172.31.255.1","name":"core-1","formats":["NetFlow v5"],"datagrams":126,"flows":3300,'
says out '"sampling_override":1,"skew_ms":0,"first_seen":"2026-11-23T19:10:01.280Z","last_seen":"2026-11-23T19:11:56.315Z","flags_seen":true,'
expect 0 "$tocsin" exporters "$capture" --format csv
says out 'exporter,name,formats,datagrams,flows,'
says out '172.31.255.17,,NetFlow v5,65,1254,'
checks=$((checks + 1))
[ "$(awk -F, '{ print NF }' "$tmp/out" | sort -u | wc -l)" = 1 ] || failed 'rows of different lengths' "$tmp/out"

# No table has a colour or another control character unless it was asked for.
checks=$((checks + 1))
for file in "$golden"/*.txt; do
	[ "$file" = "$golden/show-color.txt" ] || ! LC_ALL=C grep -q '[[:cntrl:]]' "$file" || failed "control characters in $file"
done

# --- json and csv are exact, and have the language's names ---
expect 0 "$tocsin" show "$capture" --sort -bytes --limit 1 --format json --fields src,bytes,flags
is out '{"src":"44.128.80.14","bytes":41525881,"flags":"FIN|SYN|PSH|ACK"}'
expect 0 "$tocsin" show "$capture" --aggregate proto --sort proto --format json --fields flows,proto,bytes
says out '"proto":"tcp"'
expect 0 "$tocsin" show "$capture" --aggregate proto --format csv --limit 0
is out 'proto,flows,packets,bytes,start,end,flags'
expect 0 "$tocsin" show "$capture" --fields all --format csv --limit 1
says out 'src,dst,next_hop,exporter,'
expect 0 "$tocsin" show "$capture" --where 'bytes == 1' --format csv --sort src
is out 'start,duration,proto,src,src_port,dst,dst_port,flags,packets,bytes'

expect 0 "$tocsin" show "$capture" --where 'bytes == 1'
is out 'start  duration  proto  src  src_port  dst  dst_port  flags  packets  bytes'
expect 3 "$tocsin" exporters "$tmp/none.pcap"
silent out

# --- sorting, against sort(1) ---
"$tocsin" show "$capture" --fields bytes,packets --format csv | sed 1d > "$tmp/unsorted"
LC_ALL=C sort -t, -s -k1,1nr -k2,2n "$tmp/unsorted" > "$tmp/wanted"
expect 0 "$tocsin" show "$capture" --fields bytes,packets --format csv --sort bytes,+packets
sed 1d "$tmp/out" > "$tmp/sorted"
same 'all flows by bytes, then packets' "$tmp/wanted" "$tmp/sorted"
for n in 1 2 7 100 4553 4554 5000; do
	expect 0 "$tocsin" show "$capture" --fields bytes,packets --format csv --sort -bytes,+packets --limit $n
	sed 1d "$tmp/out" > "$tmp/sorted"
	head -n $n "$tmp/wanted" > "$tmp/first"
	same "the first $n of them" "$tmp/first" "$tmp/sorted"
done
# of equal ones the earlier stands first, with a limit or without
"$tocsin" show "$capture" --fields proto,start,src,src_port,dst,dst_port --format csv > "$tmp/unsorted"
{ sed -n 1p "$tmp/unsorted"; grep '^icmp,' "$tmp/unsorted"; grep '^tcp,' "$tmp/unsorted"; } | head -n 301 > "$tmp/wanted"
expect 0 "$tocsin" show "$capture" --fields proto,start,src,src_port,dst,dst_port --format csv --sort proto --limit 300
same 'equal ones keep their order' "$tmp/wanted" "$tmp/out"
# what is absent stands last, whichever way
for sign in - +; do
	expect 0 "$tocsin" show "$capture" --fields dst_port --format csv --sort ${sign}dst_port
	checks=$((checks + 1))
	[ -z "$(tail -n 1 "$tmp/out")" ] && [ -n "$(sed -n 2p "$tmp/out")" ] || failed "absent ports are not last: $sign"
done
expect 0 "$tocsin" show "$capture" --fields bps --format csv --sort bps --limit 50
sed 1d "$tmp/out" > "$tmp/ours"
LC_ALL=C sort -gr "$tmp/ours" > "$tmp/wanted"
same 'real numbers' "$tmp/wanted" "$tmp/ours"
expect 0 "$tocsin" show "$capture" --sort src --limit 0 --format csv
checks=$((checks + 1))
[ "$(wc -l < "$tmp/out")" = 1 ] || failed '--limit 0'

# --- groups, against awk(1) ---
"$tocsin" show "$capture" --fields src/24,dst_port,packets,bytes,start,end --format csv | awk -F, 'NR > 1 {
	k = $1 "," $2; flows[k]++; packets[k] += $3; bytes[k] += $4
	if (!(k in first) || $5 < first[k]) first[k] = $5
	if ($6 > last[k]) last[k] = $6
} END { for (k in flows) print k "," flows[k] "," packets[k] "," bytes[k] "," first[k] "," last[k] }' | LC_ALL=C sort > "$tmp/wanted"
expect 0 "$tocsin" show "$capture" --aggregate src/24,dst_port --fields src/24,dst_port,flows,packets,bytes,start,end --format csv
sed 1d "$tmp/out" | LC_ALL=C sort > "$tmp/ours"
same 'groups' "$tmp/wanted" "$tmp/ours"
expect 0 "$tocsin" show "$capture" --aggregate dst --sort -flows,dst --limit 20 --format csv --fields dst,flows,packets,bytes
sed 1d "$tmp/out" > "$tmp/ours"
"$tocsin" top -q "$capture" --by dst --of flows -n 20 --format csv | sed 1d > "$tmp/wanted"
same 'top is groups, sorted' "$tmp/wanted" "$tmp/ours"
expect 0 "$tocsin" show "$capture" --where 'proto == tcp' --aggregate dst_port --format csv --fields flows,flags --sort bytes --limit 1
says out ',FIN|SYN|PSH|ACK'

# neither batches nor a pipe change anything
for options in '--sort -packets,src --limit 40' '--aggregate src,proto --sort -flows,src' '' '--fields all'; do
	# shellcheck disable=SC2086
	expect 0 "$tocsin" show "$capture" $options
	mv "$tmp/out" "$tmp/wanted"
	for size in 1 7; do
		# shellcheck disable=SC2086
		expect 0 "$tocsin" show "$capture" $options --batch-size $size
		same "batches of $size: $options" "$tmp/wanted" "$tmp/out"
	done
done

# --- what cannot be ---
expect 2 "$tocsin" show "$capture" --sort
expect 2 "$tocsin" show "$capture" --sort byts
says err 'did you mean "bytes"?'
expect 2 "$tocsin" show "$capture" --sort flows
says err 'no field "flows"'
expect 2 "$tocsin" show "$capture" --sort src,
expect 2 "$tocsin" show "$capture" --aggregate src --sort dst
says err 'a group has no dst; add it to --aggregate'
expect 2 "$tocsin" show "$capture" --aggregate src --fields src,tos
says err 'a group has no tos'
expect 2 "$tocsin" show "$capture" --aggregate bps
says err 'is a real number'
expect 2 "$tocsin" show "$capture" --aggregate src,dst,src_port,dst_port,proto,tos,in_if,out_if,start
expect 2 "$tocsin" show "$capture" --aggregate src --count
expect 2 "$tocsin" show "$capture" --fields +
expect 2 "$tocsin" exporters "$capture" --sort losst
says err 'did you mean "lost"?'
expect 2 "$tocsin" exporters
expect 2 "$tocsin" exporters "$capture" --format xml
expect 2 "$tocsin" fields --format html
expect 1 "$tocsin" exporters "$capture" -r "$tmp/none.tsn"

# --- exporters: damage is told, with its cause ---
damage() { # what python3 makes of the capture: a lost datagram, a cut one, one of no known version
	python3 - "$capture" "$tmp/damaged.pcap" << 'END'
import struct, sys
data = open(sys.argv[1], "rb").read()
out, at, n = [data[:24]], 24, 0
while at < len(data):
    size = struct.unpack_from("<I", data, at + 8)[0]
    packet = bytearray(data[at:at + 16 + size])
    at += 16 + size
    n += 1
    payload = packet.find(b"\x00\x05\x00", 16 + 28)
    if n == 20:
        continue
    if n == 40:
        packet[payload + 2:payload + 4] = b"\x00\x7f"
    if n == 60:
        packet[payload:payload + 2] = b"\x00\x63"
    out.append(bytes(packet))
open(sys.argv[2], "wb").write(b"".join(out))
END
}
if command -v python3 > /dev/null 2>&1 && damage; then
	port=$("$tocsin" exporters "$capture" --format csv | wc -l)
	expect 0 "$tocsin" exporters "$tmp/damaged.pcap"
	says out 'datagrams whose record count is zero or above the version'
	expect 0 "$tocsin" exporters "$tmp/damaged.pcap" --sort -lost --format csv
	checks=$((checks + 1))
	[ "$(wc -l < "$tmp/out")" = "$port" ] || failed 'exporters are missing' "$tmp/out"
	checks=$((checks + 1))
	awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i } NR == 2 && $at["lost"] > 0 { ok = 1 } END { exit !ok }' "$tmp/out" ||
	    failed 'no loss is told' "$tmp/out"
	expect 0 "$tocsin" show -v --count "$tmp/damaged.pcap"
	says err 'NetFlow v5: datagrams '
	says err 'lost '
else
	echo "NOT CHECKED: damaged exports (no python3)"
fi
expect 0 "$tocsin" run -v -e 'bytes == 1' "$capture"
says err 'exporter 172.31.255.17, NetFlow v5: datagrams 65 flows 1254'
if command -v python3 > /dev/null 2>&1; then
	expect 0 "$tocsin" exporters "$capture" --format json
	expect 0 python3 -c 'import json, sys; [json.loads(l) for l in open(sys.argv[1])]' "$tmp/out"
fi

# --- elements by number, which are no fields: 136 flowEndReason, 460 is http_host, 29305/5 nobody's, 33 igmpType ---
{
	number 10 2; number $((16 + 36 + 4 + 3 * 20)) 2; number 1795000000 4; number 0 4; number 1 4
	number 2 2; number 36 2; number 256 2; number 6 2
	for element in 8:4 12:4 4:1 136:1 2:4; do
		number "${element%:*}" 2; number "${element#*:}" 2
	done
	number $((32768 + 5)) 2; number 6 2; number 4999 4 # of an enterprise
	number 256 2; number $((4 + 3 * 20)) 2
	for reason in 3 1 3; do
		number $((0x0a000000 + reason)) 4; number $((0xc0000201)) 4; number 17 1; number "$reason" 1; number 1 4
		number 0 2; number $((reason * 7)) 4
	done
} > "$tmp/elements.ipfix"
expect 0 "$tocsin" show "$tmp/elements.ipfix" --fields 'src,ie(136),ie( 4999, 5 )' --format csv
is out 'src,ie(136),"ie(4999, 5)"
10.0.0.3,3,21
10.0.0.1,1,7
10.0.0.3,3,21'
expect 0 "$tocsin" show "$tmp/elements.ipfix" --sort 'ie(136)' --fields 'ie(8),ie(136)' --format json --limit 2
is out '{"src":"10.0.0.1","ie(136)":1}
{"src":"10.0.0.3","ie(136)":3}'
expect 0 "$tocsin" show "$tmp/elements.ipfix" --aggregate 'ie(136),ie(8)/24' --sort '-ie(136)' --fields 'ie(136),flows' --format csv
is out 'ie(136),flows
3,2
1,1'
expect 0 "$tocsin" top -q "$tmp/elements.ipfix" --by 'ie(4999,5)' --of flows --format csv
says out '21,2,2,'
# --where names others of the same type, and the same
expect 0 "$tocsin" show "$tmp/elements.ipfix" --where 'ie(4999, 5) > 10 and ie(136) == 3 and not (ie(33) == 1)' --fields 'ie(136),ie(33)' --format csv
silent err
is out 'ie(136),ie(33)'
expect 0 "$tocsin" show "$tmp/elements.ipfix" --where 'ie(4999, 5) > 10 and ie(136) == 3' --fields 'ie(33),ie(136)' --format csv
is out 'ie(33),ie(136)
,3
,3'
expect 2 "$tocsin" show "$tmp/elements.ipfix" --fields 'ie(x)'
says err 'write ie(460)'
expect 2 "$tocsin" show "$tmp/elements.ipfix" --fields 'ie(0)'
expect 2 "$tocsin" show "$tmp/elements.ipfix" --sort 'ie(291)'
says err 'is a list'
expect 2 "$tocsin" show "$tmp/elements.ipfix" --aggregate 'ie(136)' --fields 'ie(137)'
says err 'a group has no ie(137)'
expect 2 "$tocsin" show "$tmp/elements.ipfix" --fields "$(seq -s, -f 'ie(9000,%g)' 40)"
says err 'too many elements'
expect 2 "$tocsin" show "$capture" --fields /24
says err 'no field "/24"'

# --- flows that cannot be read are told, and no flow of nobody's has an address for exporter ---
tail -c +53 "$tmp/elements.ipfix" > "$tmp/records"
{ number 10 2; number 80 2; number 1795000000 4; number 0 4; number 1 4; cat "$tmp/records"; } > "$tmp/untold.ipfix"
expect 0 "$tocsin" show --count "$tmp/untold.ipfix"
is out 0
says err '1 set of records could not be read, for want of templates: those are not in the input'
expect 0 "$tocsin" show --count -q "$tmp/untold.ipfix"
silent err
expect 0 "$tocsin" show -v --count "$tmp/elements.ipfix"
says err 'no exporter, IPFIX: datagrams 1 flows 3'

# --- on a terminal: its width, colours, and a last line ---
if ! script -qec true /dev/null < /dev/null > /dev/null 2>&1; then
	echo "NOT CHECKED: tables on a terminal (no script(1), or no pseudo-terminals here)"
else
	escape=$(printf '\033')
	terminal() { # WIDTH OPTIONS...
		wide=$1
		shift
		env -u NO_COLOR TERM=xterm script -qec "stty cols $wide; $tocsin $*" /dev/null < /dev/null > "$tmp/out" 2>&1
		sed "s/$escape\\[[0-9;]*[mK]//g" "$tmp/out" | tr -d '\r' > "$tmp/plain"
	}
	terminal 80 show "$capture" --limit 5
	says out "${escape}[1mstart"
	mv "$tmp/plain" "$tmp/out"
	says out 'no room for: '
	says out '5 flows, '
	grep -v '^5 flows, ' "$tmp/out" > "$tmp/table" && mv "$tmp/table" "$tmp/out"
	widest 80
	terminal 200 show "$capture" --limit 5 --color never
	checks=$((checks + 1))
	! grep -q "$escape\\[" "$tmp/out" || failed 'colours that were not wanted' "$tmp/out"
	mv "$tmp/plain" "$tmp/out"
	says out '2026-11-23T19:09:54.332Z'
	terminal 200 show "$capture" -q --aggregate proto
	checks=$((checks + 1))
	! grep -q 'groups shown' "$tmp/plain" || failed '--quiet'
	terminal 200 show "$capture" --aggregate proto --limit 2
	mv "$tmp/plain" "$tmp/out"
	says out '2 of '
	says out 'groups shown; 4554 flows, '
fi
finish
