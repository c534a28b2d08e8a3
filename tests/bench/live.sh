#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
#
#     live.sh BUILD RULES V5 V9 IPFIX SFLOW
#
# Loopback UDP: one core sends the captures' datagrams, one receives. First at one moderate rate, format by format: what
# a flow costs `tocsin listen` with the rules and what it costs nfdump's collectors, which only store it. Then NetFlow v5
# at rising rates: what a bare recvmmsg loop loses, what tocsin and what nfcapd.
set -u
build=$1 rules=$2 v5=$3 v9=$4 ipfix=$5 sflow=$6
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill $pid 2> /dev/null; rm -rf "$tmp"' EXIT
port=$((30000 + $$ % 20000))
seconds=2
cat > "$tmp/site.tsn" << END
site { listen udp "127.0.0.1:$port" output text "/dev/null" }
END

start() { # RECEIVER
	case $1 in
	bare) taskset -c 1 "$build/blast" - $port > "$tmp/out" 2>&1 & ;;
	tocsin) taskset -c 1 "$build/tocsin" listen -r "$rules" -r "$tmp/site.tsn" > "$tmp/out" 2>&1 & ;;
	nfcapd | sfcapd)
		rm -rf "$tmp/nf"
		mkdir -p "$tmp/nf"
		taskset -c 1 "$1" -b 127.0.0.1 -p $port -w "$tmp/nf" -B 64000000 > "$tmp/out" 2>&1 &
		;;
	esac
	pid=$!
	sleep 1
}
received() { # RECEIVER FLOWS_A_DATAGRAM: datagrams (nfdump's collectors tell flows)
	case $1 in
	bare) cat "$tmp/out" ;;
	tocsin) sed -n "s/.*127.0.0.1:$port: \([0-9]*\) datagrams.*/\1/p" "$tmp/out" | tail -1 ;;
	*) sed -n 's/.*Flows: \([0-9]*\),.*/\1/p' "$tmp/out" | awk -v by="$2" '{ n += $1 } END { print int(n / by) }' ;;
	esac
}
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }

# Sets sent, real (datagrams a second), got and cpu (hundredths of a second).
receive() { # RECEIVER CAPTURE RATE FLOWS_A_DATAGRAM
	start "$1"
	before=$(ticks)
	read -r sent real < <(taskset -c 0 "$build/blast" "$2" $port "$3" $seconds)
	sleep 0.5
	cpu=$(($(ticks) - before))
	kill -TERM $pid
	wait $pid 2> /dev/null
	pid=
	got=$(received "$1" "$4")
	got=${got:-0}
}

echo "loopback at 20,000 datagrams/s, $seconds s: CPU ns a flow; nfdump's collectors store, tocsin evaluates 100 rules"
printf '%-12s %10s %10s %8s\n' "" tocsin nfdump ratio
line() { # LABEL COLLECTOR CAPTURE FLOWS_A_DATAGRAM
	receive tocsin "$3" 20000 "$4"
	ours=$(awk -v c=$cpu -v n="$got" -v by="$4" 'BEGIN { printf "%.1f", n ? c * 1e7 / n / by : 0 }')
	receive "$2" "$3" 20000 "$4"
	theirs=$(awk -v c=$cpu -v n="$got" -v by="$4" 'BEGIN { printf "%.1f", n ? c * 1e7 / n / by : 0 }')
	printf '%-12s %10s %10s %8s\n' "$1" "$ours" "$theirs" "$(awk -v a="$theirs" -v b="$ours" 'BEGIN { printf "%.1f x", b ? a / b : 0 }')"
}
line "NetFlow v5" nfcapd "$v5" 30
line "NetFlow v9" nfcapd "$v9" 24
line "IPFIX" nfcapd "$ipfix" 18
line "sFlow v5" sfcapd "$sflow" 8

echo
echo "loopback, NetFlow v5 at rising rates; lost %, CPU us a datagram of 30 flows"
printf '%14s %22s %22s %22s\n' "datagrams/s" "bare recvmmsg" "tocsin listen" "nfcapd"
declare -A best=([bare]=0 [tocsin]=0 [nfcapd]=0)
for rate in 50000 100000 200000 300000 400000; do
	line=
	for r in bare tocsin nfcapd; do
		receive $r "$v5" $rate 30
		text=$(awk -v s="$sent" -v g="$got" -v c=$cpu 'BEGIN { printf "%.2f %% %.2f us", (s - g) * 100 / s, g ? c * 10000 / g : 0 }')
		line="$line $(printf '%22s' "$text")"
		[ "$got" -ge "$sent" ] && [ "$real" -gt "${best[$r]}" ] && best[$r]=$real
	done
	printf '%14s%s\n' "$real" "$line"
done
echo "highest rate without loss: bare ${best[bare]}, tocsin ${best[tocsin]}, nfcapd ${best[nfcapd]} datagrams/s"
awk -v b="${best[bare]}" -v t="${best[tocsin]}" -v n="${best[nfcapd]}" 'BEGIN {
	if (b > 0) printf "tocsin: %.2f x the bare receiver", t / b
	if (n > 0) printf ", %.1f x nfcapd", t / n
	print "" }'
