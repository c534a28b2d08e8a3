#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
#
#     live.sh BUILD CAPTURE RULES
#
# Loopback UDP: one core sends, one receives. Raises the rate until each receiver loses something: a bare recvmmsg
# loop, `tocsin listen` with the rules, and nfcapd. Prints what each lost and the CPU time it took for a datagram.
set -u
build=$1 capture=$2 rules=$3
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
	nfcapd) mkdir -p "$tmp/nf"; taskset -c 1 nfcapd -b 127.0.0.1 -p $port -w "$tmp/nf" -B 64000000 > "$tmp/out" 2>&1 & ;;
	esac
	pid=$!
	sleep 1
}
received() { # RECEIVER: datagrams (nfcapd tells flows, 30 a datagram)
	case $1 in
	bare) cat "$tmp/out" ;;
	tocsin) sed -n "s/.*127.0.0.1:$port: \([0-9]*\) datagrams.*/\1/p" "$tmp/out" | tail -1 ;;
	nfcapd) sed -n 's/.*Flows: \([0-9]*\),.*/\1/p' "$tmp/out" | awk '{ n += $1 } END { print int(n / 30) }' ;;
	esac
}
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }

echo "loopback, datagrams of 30 flows, $seconds s at each rate; lost %, CPU us a datagram"
printf '%14s %22s %22s %22s\n' "datagrams/s" "bare recvmmsg" "tocsin listen" "nfcapd"
declare -A best=([bare]=0 [tocsin]=0 [nfcapd]=0)
for rate in 25000 50000 100000 150000 200000 250000 300000 350000 400000; do
	line=
	for r in bare tocsin nfcapd; do
		start $r
		before=$(ticks)
		read -r sent real < <(taskset -c 0 "$build/blast" "$capture" $port $rate $seconds)
		sleep 0.5
		cpu=$(($(ticks) - before))
		kill -TERM $pid
		wait $pid 2> /dev/null
		pid=
		got=$(received $r)
		text=$(awk -v s="$sent" -v g="${got:-0}" -v c=$cpu 'BEGIN { printf "%.2f %% %.2f us", (s - g) * 100 / s, c * 10000 / g }')
		line="$line $(printf '%22s' "$text")"
		[ "${got:-0}" -ge "$sent" ] && [ "$real" -gt "${best[$r]}" ] && best[$r]=$real
	done
	printf '%14s%s\n' "$real" "$line"
done
echo "highest rate without loss: bare ${best[bare]}, tocsin ${best[tocsin]}, nfcapd ${best[nfcapd]} datagrams/s"
awk -v b="${best[bare]}" -v t="${best[tocsin]}" -v n="${best[nfcapd]}" 'BEGIN {
	if (b > 0) printf "tocsin: %.2f x the bare receiver", t / b
	if (n > 0) printf ", %.1f x nfcapd", t / n
	print "" }'
