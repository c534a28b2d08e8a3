#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Exit statuses (0 done, 1 bad rules or failing tests, 2 usage, 3 input) and
# what is said with them.
. tests/cli/lib
# Words and statuses are looked at here, not memory: the other scripts run the sanitized program for that.
TSN_BIN=${TSN_RELEASE:-$TSN_BIN}
tocsin=$TSN_BIN

# 0: done, with alerts and without
expect 0 "$tocsin" run -e 'dst_port == 1434' "$capture"
says out '"event_type":"alert"'
silent err
expect 0 "$tocsin" run -e 'bytes == 1' "$capture"
silent out
expect 0 "$tocsin" show "$capture" --count
is out 4554
expect 0 "$tocsin" show --count --where 'dst_port == 25' -- "$capture"
is out 207
# the same capture as the packets it consists of: one exporter's datagrams to one port
expect 0 "$tocsin" show --count --as exports "$capture"
is out 4554
expect 0 "$tocsin" show --as packets --format csv --fields packets "$capture"
says out 126
expect 0 "$tocsin" show --count --port 9 "$capture"
is out 0
says err 'no datagram of this capture goes to UDP port 9'
expect 0 "$tocsin" version
says out 'tocsin '
expect 0 "$tocsin" --version
expect 0 "$tocsin" --help
says out 'Usage: tocsin COMMAND'
narrow() { # no line of a help is wider than a terminal, but for examples
	checks=$((checks + 1))
	awk 'length > 80 && !/^  tocsin /' "$tmp/out" > "$tmp/wide"
	[ ! -s "$tmp/wide" ] || failed "wider than 80 columns" "$tmp/wide"
}
narrow
expect 0 "$tocsin" functions
says out 'count([CONDITION])'
expect 0 "$tocsin" fields
says out 'sourceTransportPort'
for command in run listen check test show top exporters explain fmt fields functions version ruleset tune import; do
	expect 0 "$tocsin" "$command" --help
	narrow
	says out "Usage: tocsin $command"
	expect 0 "$tocsin" help "$command"
	expect 2 "$tocsin" "$command" --bogus
	says err 'no option --bogus'
done

# 1: rules with errors, with the place and a caret
expect 1 "$tocsin" run -e 'dst_prt == 1434' "$capture"
is err 'e1:1:1: error: no field "dst_prt" [E012]
    1 | dst_prt == 1434
      | ^~~~~~~ did you mean "dst_port"?'
expect 1 "$tocsin" run -e 'dst_port == 25' -e 'dst_port = 25' "$capture"
is err 'e2:1:10: error: = does not compare [E015]
    1 | dst_port = 25
      |          ^ write =='
expect 1 "$tocsin" show "$capture" --where 'src == 10.0.0.0/8'
says err 'where:1:'
says err '    1 | src == 10.0.0.0/8'
says err '^'
expect 1 "$tocsin" show "$capture" --where 'count() by src over 60s > 100' --count
silent out
says err 'where:1:1: error: count counts over time, a filter looks at one flow'
expect 1 "$tocsin" top "$capture" --by src --where 'bytes > "many"'
says err 'where:1:'
printf 'rule a {\n\twhen dst_prt == 1434\n}\nrule b {\n\twhen proto == tpc\n}\n' > "$tmp/two.tsn"
expect 1 "$tocsin" check "$tmp/two.tsn"
silent out
says err "$tmp/two.tsn:2:7: error: no field \"dst_prt\""
says err "$tmp/two.tsn:5:16: error:"
says err 'did you mean "tcp"?'
expect 1 "$tocsin" explain "$tmp/two.tsn"
expect 1 "$tocsin" test "$tmp/two.tsn"
expect 1 "$tocsin" run -r "$tmp/two.tsn" "$capture"
expect 1 "$tocsin" listen -r "$tmp/two.tsn"
expect 1 "$tocsin" check "$tmp/none.tsn"
says err 'No such file or directory'
mkdir "$tmp/empty"
expect 1 "$tocsin" check "$tmp/empty"
says err 'no .tsn file'
printf 'set x = { 10.0.0.1 } rule y { when zscore(count(), history 1h) by src per 1h > 3 }\n' > "$tmp/history.tsn"
expect 1 "$tocsin" check "$tmp/history.tsn"
says err 'error: '
says err 'history'
printf 'rule x { when dst_port == 1 test "wrong" fires { flow { proto = tcp, dst_port = 2 } } }\n' > "$tmp/wrong.tsn"
expect 0 "$tocsin" check "$tmp/wrong.tsn"
expect 1 "$tocsin" test "$tmp/wrong.tsn"
says out 'FAILED x: wrong'
says out "$tmp/wrong.tsn:1"
says out '0 passed, 1 failed in 1 rule'
expect 0 "$tocsin" test stdlib-rules
says out ' passed, 0 failed'
expect 0 "$tocsin" test rules/first.tsn

# 2: usage
expect 2 "$tocsin"
expect 2 "$tocsin" rnu
says err 'did you mean "run"?'
expect 2 "$tocsin" help rnu
expect 2 "$tocsin" run "$capture"
says err 'no rules'
expect 2 "$tocsin" run -e 'dst_port == 25'
says err 'no input'
expect 2 "$tocsin" run -e
says err '--expr needs a value'
expect 2 "$tocsin" run -e 'dst_port == 25' --formt text "$capture"
says err 'did you mean --format?'
expect 2 "$tocsin" run -e 'dst_port == 25' --format xml "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --batch-size 0 "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --batch-size 2049 "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --threads x "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --port 65536 "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --as flows "$capture"
says err 'exports or packets'
expect 2 "$tocsin" show --as packets --port 2055 "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --color blue "$capture"
expect 2 "$tocsin" run -e 'dst_port == 25' --count "$capture"
says err 'takes no --count'
expect 2 "$tocsin" show
expect 2 "$tocsin" show "$capture" --fields src,dts
says err 'did you mean "dst"?'
expect 2 "$tocsin" show "$capture" --limit -1
expect 2 "$tocsin" show "$capture" --count=yes
expect 2 "$tocsin" top "$capture"
expect 2 "$tocsin" top "$capture" --by src --of fleas
expect 2 "$tocsin" top "$capture" --by dst_port/8
expect 2 "$tocsin" check
expect 2 "$tocsin" test
expect 2 "$tocsin" test --only nothing stdlib-rules
expect 2 "$tocsin" fmt
expect 2 "$tocsin" listen
expect 2 "$tocsin" listen -r rules "$capture"
expect 2 "$tocsin" fields src

# 3: inputs that cannot be read; what can be is processed
expect 3 "$tocsin" run -e 'dst_port == 1434' "$tmp/none.pcap"
is err "tocsin: $tmp/none.pcap: No such file or directory"
expect 3 "$tocsin" show "$tmp/empty"
says err 'empty: is a directory without files'
silent out
expect 3 "$tocsin" show README.md
says err 'no kind of input'
says err '--map can say which column is which field'
printf '\211PNG\r\n\032\n\0\0\0\rIHDR' > "$tmp/image.png"
expect 3 "$tocsin" show "$tmp/image.png"
says err 'image.png: is no kind of input that can be read (`tocsin run --help` lists them)'
expect 0 "$tocsin" run --help
says out '  capture     pcap, pcapng: of exports, or of packets, which become flows'
expect 3 "$tocsin" show --count /dev/null
says err 'is empty'
expect 3 "$tocsin" show --count "$tmp/none.pcap" "$capture"
is out 4554
size=$(wc -c < "$capture")
for cut in 1 23 24 39 40 41 500 1500 20000 100000 $((size - 1)); do
	head -c "$cut" "$capture" > "$tmp/cut.pcap"
	[ "$cut" = 24 ] && wanted=0 || wanted=3
	expect $wanted "$tocsin" show --count "$tmp/cut.pcap"
	says err "$tmp/cut.pcap: "
done
says err 'were not read'
says out 45
expect 3 "$tocsin" run -e 'dst_port == 1434' "$tmp/cut.pcap"
says out '"event_type":"alert"'
expect 3 "$tocsin" run -e 'dst_port == 1434' --summary "$tmp/no/summary" "$capture"
silent out
if [ -c /dev/full ]; then
	for command in 'show' 'show --count' 'show --format json' 'show --sort bytes' 'show --aggregate src' 'exporters' 'top --by src' 'run -e dst_port==25'; do
		checks=$((checks + 1))
		# shellcheck disable=SC2086
		"$tocsin" $command "$capture" > /dev/full 2> "$tmp/err"
		[ $? = 3 ] || failed "a full disk is not told: $command"
		says err 'cannot write'
	done
fi

# a reader who leaves, and descriptors that are closed, are no failure
checks=$((checks + 2))
{ "$tocsin" show "$capture" 2> "$tmp/err"; echo $? > "$tmp/status"; } | head -n 1 > /dev/null
[ "$(cat "$tmp/status")" = 0 ] && [ ! -s "$tmp/err" ] || failed 'show | head' "$tmp/status" "$tmp/err"
{ "$tocsin" run -e 'bytes > 0' -e 'src in 10.0.0.0/8' "$capture" 2> "$tmp/err"; echo $? > "$tmp/status"; } | head -c 1 > /dev/null
[ "$(cat "$tmp/status")" = 0 ] && [ ! -s "$tmp/err" ] || failed 'run | head' "$tmp/status" "$tmp/err"
checks=$((checks + 1))
"$tocsin" show "$capture" >&- 2> "$tmp/err" || failed 'show with stdout closed' "$tmp/err"

# colours and progress are for terminals
if ! script -qec true /dev/null < /dev/null > /dev/null 2>&1; then
	echo "NOT CHECKED: colours and progress on a terminal (no script(1), or no pseudo-terminals here)"
else
	escape=$(printf '\033')
	terminal() { env -u NO_COLOR TERM="$1" $3 script -qec "$tocsin $2" /dev/null < /dev/null > "$tmp/out" 2>&1; }
	colours() { # yes or no, WHAT
		checks=$((checks + 1))
		grep -q "$escape" "$tmp/out" && seen=yes || seen=no
		[ $seen = "$1" ] || failed "colours: $seen, not $1: $2" "$tmp/out"
	}
	for command in "check -e dst_prt==1" "run -e dst_port==1434 $capture" "test rules/first.tsn"; do
		terminal xterm "$command" ''
		colours yes "$command"
		terminal dumb "$command" ''
		colours no "$command on a dumb terminal"
		terminal xterm "$command" 'env NO_COLOR=1'
		colours no "$command with NO_COLOR"
		terminal xterm "$command --color never" ''
		colours no "$command --color never"
	done
	says out 'passed'
	terminal xterm "run -e dst_port==1434 $capture" ''
	says out 'e1'
	says out '4554 flows in'
	terminal xterm "show --count $capture" ''
	colours no 'progress of a short file'
fi
expect 1 "$tocsin" check -e dst_prt==1
checks=$((checks + 1))
! grep -q "$(printf '\033')" "$tmp/err" || failed 'colours in a file'
expect 1 "$tocsin" check -e dst_prt==1 --color always
checks=$((checks + 1))
grep -q "$(printf '\033')" "$tmp/err" || failed 'no colours where they were asked for'

# pipes
input=$capture
expect 0 "$tocsin" show - --count
is out 4554
expect 0 "$tocsin" run -e 'dst_port == 1434' --format text -
says out 'MEDIUM   e1'
input=
finish
