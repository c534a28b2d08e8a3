#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
#
#     to_nfcapd.sh REPLAY FILE.pcap DIR [PORT]
#
# Gives the export datagrams of a pcap to nfdump's collector on loopback and leaves its file in
# DIR (its log is DIR.log), for `nfdump -R DIR`, the oracle of the comparison tests. REPLAY is the
# program built from replay.c; COLLECTOR=sfcapd for sFlow. Ends 1 if nfcapd missed a datagram or disliked one. (nfcapd 1.7.1
# does not read captures itself. All exporters become 127.0.0.1; more than 256 of one engine id
# look like lost datagrams.)
set -u

replay=$1 file=$2 dir=$3 port=${4:-$((20000 + $$ % 20000))}
mkdir -p "$dir" && rm -f "$dir"/nfcapd.*       # what an earlier run left would count again
# PACK=-z, -y or -j: compressed with LZO, LZ4 or bzip2. RATE: datagrams a second (20000); bzip2 cannot take as many.
# shellcheck disable=SC2086
"${COLLECTOR:-nfcapd}" ${PACK:-} -b 127.0.0.1 -p "$port" -w "$dir" -B 16000000 -t 3600 -P "$dir.pid" >"$dir.log" 2>&1 &
pid=$!
for _ in $(seq 50); do
	[ -s "$dir.pid" ] && break
	sleep 0.1
done
"$replay" "$file" "$port" "${RATE:-20000}"
sent=$?
sleep 1
kill -TERM $pid
wait $pid
# "Ident: 'none' Flows: 4554, Packets: ..., Sequence Errors: 0, Bad Packets: 0"
# GAPS=1: the capture itself has gaps in its sequence numbers.
errors=0
[ -n "${GAPS:-}" ] && errors='[0-9]*'
grep -q "Sequence Errors: $errors, Bad Packets: 0" "$dir.log" || { cat "$dir.log" >&2; exit 1; }
exit $sent
