#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What measurements stand on: flowgen's flows are the same bytes everywhere and as many of each kind as was asked for; the
# bench finds its peers, runs its lanes and judges what comes out. No time is looked at: the peers here know one number.
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
unchanged() { # WHAT-OPTION...: the same flows as last time
	what=$1
	shift
	made --flows 5000 --hosts 3000 --network 172.16.0.0/12 --ports 443,443,53u,25 "$@"
	expect 0 "$fast" show -q --format csv --fields src,dst,src_port,dst_port,proto,packets,bytes,flags "$tmp/made.pcap"
	number "$what: the same flows" "${sum:-0}" "${sum:-4294967295}" "$(cksum < "$tmp/out" | cut -d' ' -f1)"
	sum=$(cksum < "$tmp/out" | cut -d' ' -f1)
}
unset sum
unchanged "another network"
number "the inside of another network" 5000 5000 "$(flows 'src in 172.16.0.0/12 or dst in 172.16.0.0/12')"
number "its popular port" 1000 2500 "$(flows 'dst_port == 443')"
number "its names, of UDP" 500 1250 "$(flows 'dst_port == 53 and proto == udp')"
unchanged "few records" --records 7 --vlan
expect 0 "$fast" exporters -q "$tmp/made.pcap"
says out ' 715   5000     0 '
unchanged "a younger file" --pcapng --vlan --v6-exporter
unchanged "exporters in turn without order" --exporters 7 --irregular --records 1-30
expect 0 "$fast" exporters -q --format json "$tmp/made.pcap"
number "exporters that lost nothing" 7 7 "$(grep -c '"lost":0,' "$tmp/out")"
unchanged "exporters of IPFIX" --exporters 7 --irregular --records 9 --netflow 10 --pcapng
expect 0 "$fast" exporters -q --format json "$tmp/made.pcap"
number "exporters of IPFIX that lost nothing" 7 7 "$(grep -c '"lost":0,' "$tmp/out")"
expect 0 "$programs/flowgen" --help
says out 'usage: flowgen'
for wrong in '--ipv6 10' '--netflow 9 --ipv6 101' '--zipf 1' '--zipf 1,5' '--zipf 1,1x' '--values odd' '--raw --netflow 9' '--raw --pcapng' \
	'--records 0' '--records 31' '--records 9-8' '--records 9x' '--netflow 0 --records 9' '--ports 0' '--ports 25,' '--ports 25t' \
	'--network 10.0.0.1/8' '--network 44.0.0.0/8' '--network 192.168.0.0/24' '--network 192.168.0.0/16 --hosts 200000'; do
	# shellcheck disable=SC2086
	expect 2 "$programs/flowgen" --out "$tmp/wrong" $wrong
done

# --- rules, lanes and judgement ---

for kind in three mixed hot prefixes ports popular other; do
	python3 tests/bench/rules.py $kind 40 > "$tmp/$kind.tsn"
	expect 0 "$fast" check -q -r "$tmp/$kind.tsn"
done
mkdir -p "$tmp/bin" "$tmp/build/bench"
for stored in flows-3000 netflow5-1000 network-3000 network-1000; do
	mkdir "$tmp/build/bench/nfcapd-$stored-none"
done
for program in tocsin:"$fast" flowgen:"$programs/flowgen" replay:"$programs/replay"; do
	ln -s "$(realpath "${program#*:}")" "$tmp/build/${program%%:*}"
done
# The peers know one number: how many of the bench's flows go to port 25.
# shellcheck disable=SC2046
made --flows 3000 $(PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/bench python3 -c 'import inputs; print(inputs.HOSTS)')
flows 'dst_port == 25' > "$tmp/mail"
for peer in nfdump rwfilter; do
	printf '#!/bin/sh\necho "total flows: $(cat %s), pass $(cat %s)"\n' "$tmp/mail" "$tmp/mail" > "$tmp/bin/$peer"
done
for peer in rwuniq flow-capture flow-cat flow-nfilter flow-stat; do
	printf '#!/bin/sh\ncat > /dev/null\n' > "$tmp/bin/$peer"
done
cat > "$tmp/bin/rwpdu2silk" << 'END'
#!/bin/sh
for word; do
	case $word in --silk-output=*) : > "${word#*=}" ;; esac
done
END
chmod +x "$tmp/bin"/*
mkdir "$tmp/build/bench/flow-tools-3000"
cat > "$tmp/bin/duckdb.py" << 'END'
import os


class Mail:
    def execute(self, sql):
        return self

    def fetchall(self):
        with open(os.path.join(os.path.dirname(__file__), "..", "mail")) as f:
            return [(f.read().strip(),)]


def connect():
    return Mail()
END
bench() { # STATUS OPTION...
	status=$1
	shift
	expect "$status" env PATH="$tmp/bin:$PATH" PYTHONPATH="$tmp/bin" PYTHONDONTWRITEBYTECODE=1 python3 "$@"
}
bench 0 tests/bench/bench.py "$tmp/build" --flows 3000 --rounds 1 --only flows,memory
says out 'peers here: nfdump, SiLK, flow-tools, DuckDB; not here: none'
cat > "$tmp/look.py" << 'END'
import json, sys
found = json.load(open(sys.argv[1]))
known = [t for t in found["targets"] if t["value"] is not None and "left out" not in t["what"]]  # those are nothing at all now and then
print(len([l for l in found["lanes"] if l["failed"]]), len(known), found["values"].get("groups"))
END
expect 0 python3 "$tmp/look.py" "$tmp/build/bench/bench.json"
is out '0 20 3000'
says_not() { # TEXT
	checks=$((checks + 1))
	grep -qF -e "$1" "$tmp/build/bench/bench.txt" && failed "the bench says: $1"
}
says_not 'THEY DIFFER'
bench 1 tests/bench/bench.py "$tmp/build" --flows 3000 --rounds 1 --only network
says out 'flows: tocsin 3000, nfdump '
says out 'THEY DIFFER'
expect 0 python3 "$tmp/look.py" "$tmp/build/bench/bench.json"
is out '0 12 None'
printf '#!/bin/sh\nexit 1\n' > "$tmp/bin/rwfilter"
bench 1 tests/bench/bench.py "$tmp/build" --flows 3000 --rounds 1 --only flows
says out FAILED
expect 0 python3 "$tmp/look.py" "$tmp/build/bench/bench.json"
is out '4 17 None'
bench 0 tests/bench/cliffs.py "$tmp/build" --flows 3000 --rounds 1 --only 'flows a batch' --only threads
says out 'flows a batch (ns/flow): worst step'
bench 0 tests/bench/plot.py "$tmp/build" "$tmp/plots"
expect 0 python3 -c 'import sys, xml.dom.minidom as x; print(len(x.parse(sys.argv[1]).getElementsByTagName("polyline")))' "$tmp/plots/threads.svg"
is out 3
bench 2 tests/bench/bench.py "$tmp/build" --only nothing
bench 2 tests/bench/cliffs.py "$tmp/build" --flows 3000 --only nothing

# --- counts of instructions: a valgrind that always counts the same, so the second run is dear against half of it ---

cat > "$tmp/bin/valgrind" << 'END'
#!/bin/sh
for file; do :; done
echo "I refs: $(wc -c < "$file")" >&2
END
chmod +x "$tmp/bin/valgrind"
bench 0 tests/bench/check.py "$tmp/build" --update --figures "$tmp/figures" 'decode v5' '100 rules'
expect 0 grep -c '	' "$tmp/figures"
is out 2
bench 0 tests/bench/check.py "$tmp/build" --figures "$tmp/figures" 'decode v5' '100 rules'
says out '0 dearer, 0 cheaper'
sed -i 's/decode v5	.*/decode v5	10.0/; s/100 rules	.*/100 rules	1000.0/' "$tmp/figures"
bench 1 tests/bench/check.py "$tmp/build" --figures "$tmp/figures" 'decode v5' '100 rules'
says out '1 dearer, 1 cheaper'
says out DEARER
finish
