#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real exporters: softflowd and pmacctd watch a wire between two network namespaces while ping, curl, nmap
# and iperf3 use it, and send NetFlow v5, v9, IPFIX (by UDP and TCP) and sFlow v5 to `tocsin listen` in a third. What each of
# them tells must add up to what the interface itself has counted, packet by packet and byte by byte.
#
#   a 10.9.0.1 ── wire ── 10.9.0.2 b          collector c: 172.31.8.10 and .20: UDP 2055 (all formats), TCP 4739
#   └─ 172.31.8.1/.2/.3    172.31.8.129/.130/.131 ─┘
. tests/cli/lib

not_checked() {
	echo "NOT CHECKED: real exporters: $1"
	echo "$checks checks"
	exit 0
}
[ "$(id -u)" = 0 ] || not_checked "network namespaces need root"
for tool in ip softflowd pmacctd tcpdump ping curl nmap iperf3 python3; do
	command -v $tool > /dev/null 2>&1 || not_checked "$tool is not installed"
done
pre=tsnx$$
ip netns add $pre-a 2> /dev/null || not_checked "network namespaces cannot be made here"
ip netns exec $pre-a true 2> /dev/null || { # in a chroot, whose root is no mount
	ip netns del $pre-a
	not_checked "nothing can be run in network namespaces here"
}

in_ns() { ns=$1; shift; ip netns exec "$pre-$ns" "$@"; }
in_background() { # NAME NS COMMAND...
	name=$1 ns=$2
	shift 2
	ip netns exec "$pre-$ns" "$@" > "$tmp/$name.log" 2>&1 &
}
end_all() {
	for ns in a b c; do
		pids=$(ip netns pids $pre-$ns 2> /dev/null)
		# shellcheck disable=SC2086
		[ -z "$pids" ] || kill -"$1" $pids 2> /dev/null
	done
}
cleanup() {
	trap - EXIT INT TERM
	end_all TERM
	sleep 0.3
	end_all KILL
	for ns in a b c; do
		ip netns del $pre-$ns 2> /dev/null
	done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# --- the network: no IPv6, no ARP (neighbours are told), no segmentation offload: a counted packet is an IP packet ---

ip netns add $pre-b && ip netns add $pre-c || not_checked "network namespaces cannot be made here"
link() { # NS1 IF1 ADDRS1 NS2 IF2 ADDRS2
	ip link add "$2" netns "$pre-$1" type veth peer name "$5" netns "$pre-$4"
	in_ns "$1" sh -c "echo 1 > /proc/sys/net/ipv6/conf/$2/disable_ipv6; ip link set dev $2 gso_max_segs 1
	    for x in $3; do ip addr add \$x dev $2; done; ip link set dev $2 up"
	in_ns "$4" sh -c "echo 1 > /proc/sys/net/ipv6/conf/$5/disable_ipv6; ip link set dev $5 gso_max_segs 1
	    for x in $6; do ip addr add \$x dev $5; done; ip link set dev $5 up"
}
mac() { in_ns "$1" cat "/sys/class/net/$2/address"; }
for ns in a b c; do
	in_ns $ns ip link set lo up
done
link a wire "10.9.0.1/24 10.9.9.1/24" b wire "10.9.0.2/24 10.9.9.2/24"
link a mgmt "172.31.8.1/25 172.31.8.2/25 172.31.8.3/25" c toa "172.31.8.10/25 172.31.8.20/25"
link b mgmt "172.31.8.129/25 172.31.8.130/25 172.31.8.131/25" c tob 172.31.8.254/25
for net in 10.9.0 10.9.9; do
	in_ns a ip neigh replace $net.2 lladdr "$(mac b wire)" dev wire nud permanent
	in_ns b ip neigh replace $net.1 lladdr "$(mac a wire)" dev wire nud permanent
done
in_ns b ip route add 172.31.8.10 dev mgmt src 172.31.8.129
in_ns b ip route add 172.31.8.20 dev mgmt src 172.31.8.131

counted() { # "packets bytes" of IP that the wire has carried, both ways, as its end in a counts them
	in_ns a sh -c 'cd /sys/class/net/wire/statistics; echo $(cat rx_packets) $(cat tx_packets) $(cat rx_bytes) $(cat tx_bytes)' |
	    awk '{ print $1 + $2, $3 + $4 - 14 * ($1 + $2) }'
}

# --- the daemon: every flow is told with its exporter, packets and bytes ---

cat > "$tmp/all.tsn" << 'END'
rule every { when has(src) alert each message "{exporter} {packets} {bytes} {src} {dst}" }
site {
    listen udp "0.0.0.0:2055"
    listen tcp "0.0.0.0:4739"
}
END
in_background listen c "$tocsin" listen -r "$tmp/all.tsn"
until_log() { # FILE TEXT
	for _ in $(seq 60); do
		grep -qF -e "$2" "$tmp/$1.log" 2> /dev/null && return
		sleep 0.1
	done
	failed "$1 does not say: $2" "$tmp/$1.log"
}
until_log listen 'rules in force'

# --- the exporters ---

# Watching an interface, softflowd may leave the last packets in its ring until others come: it reads what tcpdump took.
softflowd() { # NAME NS OPTION...
	name=$1 ns=$2
	shift 2
	in_ns "$ns" timeout 20 softflowd -d -r "$tmp/wire-$ns.pcap" -m 65536 -p "$tmp/$name.pid" -c none "$@" ip \
	    > "$tmp/$name.log" 2>&1
}
probe() { # NAME NS PLUGIN LINE...
	name=$1 ns=$2 plugin=$3
	shift 3
	{
		printf '%s\n' 'daemonize: false' 'pcap_interface: wire' 'pcap_filter: ip' "plugins: $plugin" \
		    'plugin_buffer_size: 4096' 'plugin_pipe_size: 16777216' \
		    'aggregate: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags' "$@"
	} > "$tmp/$name.conf"
	in_background "$name" "$ns" pmacctd -f "$tmp/$name.conf"
}
nf_timeouts='nfprobe_timeouts: tcp=20:tcp.rst=2:tcp.fin=2:udp=4:icmp=4:general=6:maxlife=20:expint=1'
probe pm9 a nfprobe 'nfprobe_receiver: 172.31.8.10:2055' 'nfprobe_source_ip: 172.31.8.2' 'nfprobe_version: 9' "$nf_timeouts"
probe pmsflow a sfprobe 'sfprobe_receiver: 172.31.8.10:2055' 'sfprobe_source_ip: 172.31.8.3' 'sfprobe_agentip: 172.31.8.3' 'sampling_rate: 1'
probe pm10 b nfprobe 'nfprobe_receiver: 172.31.8.10:2055' 'nfprobe_source_ip: 172.31.8.130' 'nfprobe_version: 10' "$nf_timeouts"
for ns in a b; do
	in_background dump-$ns $ns tcpdump -Z root -U -n -i wire -B 8192 -w "$tmp/wire-$ns.pcap" ip
done
until_log dump-a 'listening on'
until_log dump-b 'listening on'
sleep 1

# --- the traffic ---

mkdir "$tmp/www"
head -c 200000 /dev/urandom > "$tmp/www/file"
in_background web b python3 -m http.server --bind 10.9.0.2 --directory "$tmp/www" 8080
in_background iperf b iperf3 -s -B 10.9.0.2
sleep 1
# shellcheck disable=SC2046
set -- $(counted)
packets=$1 bytes=$2
for _ in 1 2 3; do
	in_ns a curl -s -o /dev/null http://10.9.0.2:8080/file
done
in_ns a nmap -n -Pn --disable-arp-ping --send-ip -sS -T4 --max-retries 1 -p 1-300 10.9.0.2 > "$tmp/nmap.log" 2>&1
in_ns a iperf3 -c 10.9.0.2 -n 2M -b 20M > "$tmp/iperf-c.log" 2>&1
in_ns a iperf3 -c 10.9.0.2 -u -n 300K -b 5M -l 1200 > "$tmp/iperf-u.log" 2>&1
in_ns a ping -q -c 20 -i 0.05 -s 200 10.9.0.2 > "$tmp/ping.log" 2>&1
sleep 0.5
# shellcheck disable=SC2046
set -- $(counted)
packets=$(($1 - packets)) bytes=$(($2 - bytes))
# Not counted, and left out below: what comes last an exporter may leave in its ring or buffers when it is ended.
in_ns a ping -q -c 40 -i 0.05 -I 10.9.9.1 10.9.9.2 > "$tmp/ping-last.log" 2>&1

# --- what they tell: what is left in their tables they export when they are ended ---

end() { # COMMAND: those of a and b
	for ns in a b; do
		for pid in $(ip netns pids $pre-$ns); do
			case $(cat /proc/"$pid"/comm 2> /dev/null) in "$1"*) kill -TERM "$pid" 2> /dev/null ;; esac
		done
	done
}
sleep 1
end tcpdump
sleep 0.5
softflowd soft5 a -v 5 -n 172.31.8.10:2055
softflowd soft9 b -v 9 -n 172.31.8.10:2055
softflowd softtcp b -v 10 -P tcp -n 172.31.8.20:4739
sleep 5 # pmacctd exports what has timed out, and not all of the rest when it is ended
end pmacctd
sleep 1
for pid in $(ip netns pids $pre-c); do
	kill -TERM "$pid" 2> /dev/null
done
for _ in $(seq 50); do
	[ -z "$(ip netns pids $pre-c)" ] && break
	sleep 0.1
done

adds_up() { # NAME EXPORTER
	checks=$((checks + 1))
	got=$(sed -n 's/.*"message":"\([^"]*\)".*/\1/p' "$tmp/listen.log" |
	    awk -v x="$2" '$1 == x && $4 ~ /^10\.9\.0\./ { n++; p += $2; b += $3 } END { print n + 0, p + 0, b + 0 }')
	[ "${got#* }" = "$packets $bytes" ] ||
		failed "$1: flows, packets, bytes are $got; the wire has counted $packets packets, $bytes bytes" "$tmp/listen.log"
	echo "$1: $got"
}
checks=$((checks + 1))
[ "$packets" -gt 1500 ] || failed "only $packets packets crossed the wire" "$tmp/iperf-c.log"
adds_up 'softflowd, NetFlow v5' 172.31.8.1
adds_up 'pmacctd, NetFlow v9' 172.31.8.2
adds_up 'pmacctd, sFlow v5' 172.31.8.3
adds_up 'softflowd, NetFlow v9' 172.31.8.129
adds_up 'pmacctd, IPFIX' 172.31.8.130
adds_up 'softflowd, IPFIX over TCP' 172.31.8.131
finish
