#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# IPFIX by connection: TCP and TLS through the daemon, with good peers and bad ones; and the same bytes as a file.
. tests/cli/lib
. tests/cli/daemon

# A message with a template (addresses, ports, protocol, packets, bytes) and two records
message() { # SEQUENCE
	number 10 2; number $((16 + 36 + 4 + 42)) 2; number "$(date +%s)" 4; number "$1" 4; number 1 4
	number 2 2; number 36 2; number 256 2; number 7 2
	for element in 8:4 12:4 7:2 11:2 4:1 2:4 1:4; do
		number "${element%:*}" 2
		number "${element#*:}" 2
	done
	number 256 2; number 46 2
	for host in 1 2; do
		number $((0x0a000000 + host)) 4; number $((0xc0000201)) 4; number 40000 2; number 1434 2; number 17 1; number 1 4; number 404 4
	done
}
counted() { # TEXT: says it after SIGUSR1, now or soon
	checks=$((checks + 1))
	for _ in $(seq 20); do
		kill -USR1 "$pid"
		sleep 0.25
		grep -qF -e "$1" "$tmp/log" && return
	done
	failed "the counters do not say: $1" "$tmp/log"
}
tcp() { # FILE
	# shellcheck disable=SC2016
	timeout 10 bash -c 'cat "$0" > "/dev/tcp/127.0.0.1/$1"' "$1" "$port" 2> /dev/null
}

{ message 0; message 2; } > "$tmp/flows.ipfix"
expect 0 "$tocsin" show --count "$tmp/flows.ipfix"
is out 4
expect 0 "$tocsin" show --fields src,dst,dst_port,bytes --format csv --limit 1 "$tmp/flows.ipfix"
says out '10.0.0.1,192.0.2.1,1434,404'
{ message 0; printf 'no message'; message 2; } > "$tmp/hole.ipfix"
expect 3 "$tocsin" show --count "$tmp/hole.ipfix"
is out 4
says err '10 bytes in 1 place are'
if ! command -v bash > /dev/null; then
	finish
fi

tls=
if "$tocsin" version | grep -q '^openssl *[0-9]' && command -v openssl > /dev/null; then
	tls=yes
	for who in ca stranger; do
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$who" -keyout "$tmp/$who.key" \
		    -out "$tmp/$who.pem" 2> /dev/null
	done
	for who in collector exporter; do
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$who" -keyout "$tmp/$who.key" -out "$tmp/$who.csr" \
		    2> /dev/null
		openssl x509 -req -in "$tmp/$who.csr" -CA "$tmp/ca.pem" -CAkey "$tmp/ca.key" -CAcreateserial -days 2 -out "$tmp/$who.pem" \
		    2> /dev/null
	done
fi
page=
if "$tocsin" version | grep -q '^microhttpd *[0-9]' && command -v curl > /dev/null; then
	page=yes
fi
start() { # PORT
	{
		echo 'site {'
		echo "    listen tcp \"127.0.0.1:$1\""
		[ -z "$tls" ] || echo "    listen tls \"127.0.0.1:$(($1 + 1))\" cert \"$tmp/collector.pem\" key \"$tmp/collector.key\" ca \"$tmp/ca.pem\""
		echo "    output json \"$tmp/alerts.jsonl\""
		[ -z "$page" ] || echo "    http \"127.0.0.1:$(($1 + 2))\""
		echo '}'
		echo 'rule seen { when dst_port == 1434 }'
	} > "$tmp/site.tsn"
	daemon -r "$tmp/site.tsn"
}
start_somewhere
heard '(tcp)'
tcp "$tmp/flows.ipfix"
counted "tcp 127.0.0.1:$port: 2 messages, 1 connections, 0 open"
expect 0 grep -q '"rule":"seen"' "$tmp/alerts.jsonl"
printf 'GET / HTTP/1.1\r\n\r\n' > "$tmp/garbage"
tcp "$tmp/garbage"
heard 'connections lost so far: 1 sent what is no message'
head -c 50 "$tmp/flows.ipfix" > "$tmp/part"
tcp "$tmp/part"
heard '1 ended inside a message'

if [ -n "$tls" ]; then
	s_client() { # WHO
		{ cat "$tmp/flows.ipfix"; sleep 1; } | timeout 10 openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$((port + 1))" -CAfile "$tmp/ca.pem" \
		    -cert "$tmp/$1.pem" -key "$tmp/$1.key" > /dev/null 2>&1
	}
	s_client exporter
	counted "tls 127.0.0.1:$((port + 1)): 2 messages, 1 connections"
	s_client stranger
	heard '1 broke or failed in TLS'
	counted "tls 127.0.0.1:$((port + 1)): 2 messages, 2 connections"
	cp "$tmp/stranger.pem" "$tmp/collector.pem"
	kill -HUP "$pid"
	heard 'reload failed: a socket or output cannot be opened'
	cp "$tmp/stranger.key" "$tmp/collector.key"
	kill -HUP "$pid"
	heard 'reloaded: '
	kill -HUP "$pid"
fi
tcp "$tmp/flows.ipfix"
counted "tcp 127.0.0.1:$port: 4 messages"
if [ -n "$page" ]; then
	expect 0 curl -s --max-time 5 "http://127.0.0.1:$((port + 2))/metrics"
	says out "tocsin_stream_messages_total{listen=\"tcp 127.0.0.1:$port\"} 4"
	says out "tocsin_connections_total{listen=\"tcp 127.0.0.1:$port\"} 4"
	says out "tocsin_connections_cut_off_total{listen=\"tcp 127.0.0.1:$port\"} 1"
	says out "tocsin_connections_unfinished_total{listen=\"tcp 127.0.0.1:$port\"} 1"
	[ -z "$tls" ] || says out "tocsin_connections_broken_total{listen=\"tls 127.0.0.1:$((port + 1))\"} 1"
fi
stop TERM 0
[ -n "$tls" ] || echo 'NOT CHECKED: TLS'
finish
