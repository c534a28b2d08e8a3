#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Inputs of any shape: compressed, in directories, through slow pipes; and files that grow,
# are replaced, renamed and followed by others while they are read.
. tests/cli/lib
. tests/cli/daemon
size=$(wc -c < "$capture")

rows() { # COUNT: waits until so many flows are shown
	checks=$((checks + 1))
	for _ in $(seq 40); do
		[ "$(grep -c '^[0-9]' "$tmp/shown")" = "$1" ] && return
		sleep 0.25
	done
	failed "$(grep -c '^[0-9]' "$tmp/shown") flows are shown, not $1" "$tmp/log"
}
# --foreground: a signal is passed on once; a second one may come while a sanitizer looks for leaks, which then never ends
follow() { # PATH: shows its flows in the background
	: > "$tmp/shown"
	timeout --foreground -k 5 60 "$tocsin" show --follow --format csv --fields src "$1" > "$tmp/shown" 2> "$tmp/log" < "${input:-/dev/null}" &
	pid=$!
}
piece() { # FROM TO: bytes of the capture
	head -c "$2" "$capture" | tail -c "+$(($1 + 1))"
}

# Compressed, whatever the name; members one behind the other; cut; damaged
for packer in gzip zstd bzip2 xz; do
	command -v $packer > /dev/null || continue
	$packer -c < "$capture" > "$tmp/packed.pcap"
	"$tocsin" show --count "$tmp/packed.pcap" 2>&1 | grep -q 'cannot unpack' && continue
	expect 0 "$tocsin" show --count "$tmp/packed.pcap"
	is out 4554
	input=$tmp/packed.pcap expect 0 "$tocsin" show --count -
	is out 4554
	{ piece 0 100000 | $packer -c; piece 100000 "$size" | $packer -c; } > "$tmp/members"
	expect 0 "$tocsin" show --count "$tmp/members"
	is out 4554
	head -c 20000 "$tmp/packed.pcap" > "$tmp/cut"
	expect 3 "$tocsin" show --count "$tmp/cut"
	says err 'ends too early'
	$packer -c < "$tmp/packed.pcap" > "$tmp/twice"
	expect 3 "$tocsin" show --count "$tmp/twice"
	says err 'compressed twice'
done

# Names hold anything; what is said of them is one line of text
: > "$tmp/a
$(printf '\033')b"
expect 3 "$tocsin" show --count "$tmp/a
$(printf '\033')b"
is err "tocsin: $tmp/a??b: is empty"

# What the directories below hold compressed, if this build can unpack it
pack='gzip -c'
gzip -c "$capture" > "$tmp/packed"
"$tocsin" show --count "$tmp/packed" > /dev/null 2>&1 || pack=cat

# Directories: in order of time, what is no input passed over, what cannot be read told
mkdir -p "$tmp/dir/2026/none" "$tmp/dir/.hidden"
cp "$capture" "$tmp/dir/2026/flows.202611231405"
piece 0 100000 > "$tmp/dir/2026/flows.202611231400"
$pack "$capture" > "$tmp/dir/flows.202611231410.gz"
cp "$capture" "$tmp/dir/.hidden/x"
ln -s .. "$tmp/dir/2026/circle"
echo 'about these files' > "$tmp/dir/README"
expect 3 "$tocsin" run -v -e 'proto == icmp6' "$tmp/dir"
sed -n 's/.*\(flows\.[0-9]*\)[^ ]*: .*[0-9] packets.*/\1/p' "$tmp/err" > "$tmp/order"
printf 'flows.202611231400\nflows.202611231405\nflows.202611231410\n' > "$tmp/wanted_order"
same 'order of files' "$tmp/wanted_order" "$tmp/order"
says err 'README: is no kind of input'
says err 'flows.202611231400: damaged'
rm "$tmp/dir/2026/flows.202611231400"
expect 0 "$tocsin" show --count "$tmp/dir"
is out 9108
says err 'passed over'
for i in 1 2 3 4 5 6 7; do
	echo 'about these files' > "$tmp/dir/note$i"
done
printf 'a,b,c,d\n1,2,3,4\n' > "$tmp/dir/note0.csv"
expect 0 "$tocsin" show --count "$tmp/dir"
is out 9108
says err 'note0.csv: a table of no known kind'
says err '4 more files were passed over (--verbose names them)'
rm "$tmp/dir"/note*
expect 0 "$tocsin" show --count -q "$tmp/dir" "$capture"
is out 13662
silent err
expect 3 "$tocsin" show --count "$tmp/dir/README"
expect 3 "$tocsin" show --count "$tmp/dir/2026/none"
says err 'is a directory without files'
input=$capture expect 0 "$tocsin" show --count "$capture" - "$tmp/dir"
is out 18216
expect 2 "$tocsin" show --count - "$capture" -
says err 'read once'

# A slow pipe: alerts do not wait for its end
mkfifo "$tmp/fifo"
{ cat "$capture"; sleep 20; } > "$tmp/fifo" &
writer=$!
: > "$tmp/shown"
timeout --foreground -k 5 60 "$tocsin" run -e 'dst_port == 1434' "$tmp/fifo" > "$tmp/shown" 2> "$tmp/log" &
pid=$!
appears shown 'a slow pipe holds alerts back'
kill "$writer" "$pid"
wait "$pid" "$writer" 2> /dev/null
pid=

# A file that grows, is rotated away, begun anew, and cut to nothing
piece 0 100000 > "$tmp/log.pcap"
follow "$tmp/log.pcap"
rows 1926
piece 100000 150000 >> "$tmp/log.pcap"
rows 2914
piece 150000 "$size" >> "$tmp/log.pcap"
rows 4554
mv "$tmp/log.pcap" "$tmp/log.1"
sleep 0.5
cp "$capture" "$tmp/new" && mv "$tmp/new" "$tmp/log.pcap"
rows 9108
: > "$tmp/log.pcap"
sleep 0.5
piece 0 100000 >> "$tmp/log.pcap"
rows 11034
stop TERM 0

# What grows may be compressed; it is not damaged because we were told to stop before its writer was done
gzip -c "$capture" > "$tmp/whole.gz"
head -c 20000 "$tmp/whole.gz" > "$tmp/grows.gz"
cp "$tmp/grows.gz" "$tmp/cut.gz"
if [ "$pack" != cat ]; then
	follow "$tmp/grows.gz"
	sleep 0.5
	tail -c +20001 "$tmp/whole.gz" >> "$tmp/grows.gz"
	rows 4554
	stop TERM 0
	follow "$tmp/cut.gz"
	sleep 0.5
	stop TERM 0
	checks=$((checks + 1))
	[ ! -s "$tmp/log" ] || failed "a stop is no damage" "$tmp/log"
fi

# Text is shown as it comes, however little it is
printf 'src,dst,proto,bytes\n192.0.2.1,192.0.2.2,6,10\n192.0.2.1,192.0.2.2,6,2' > "$tmp/few.csv"
follow "$tmp/few.csv"
rows 1
echo 0 >> "$tmp/few.csv"
rows 2
stop TERM 0

# A directory: new files once the older one is finished; renamed ones are not read twice
mkdir "$tmp/spool"
follow "$tmp/spool"
cp "$capture" "$tmp/spool/flows.202611231400"
rows 4554
piece 0 100000 > "$tmp/spool/flows.current"
rows 6480
piece 100000 "$size" >> "$tmp/spool/flows.current"
mv "$tmp/spool/flows.current" "$tmp/spool/flows.202611231405"
rows 9108
echo 'no flows' > "$tmp/spool/flows.txt"
$pack "$capture" > "$tmp/spool/.new" && mv "$tmp/spool/.new" "$tmp/spool/flows.current"
rows 13662
stop INT 0
checks=$((checks + 1))
grep -q 'flows.txt: is no kind of input' "$tmp/log" || failed 'a file of no kind is not named' "$tmp/log"

# What was finished long ago is read without a pause; a directory that goes and comes is not read twice
mkdir "$tmp/old"
for n in $(seq 10 39); do
	cp "$capture" "$tmp/old/flows.2026112314$n"
done
touch -t 202601010000 "$tmp/old/"*
follow "$tmp/old"
rows 136620
mv "$tmp/old" "$tmp/away"
sleep 0.5
mv "$tmp/away" "$tmp/old"
sleep 0.5
cp "$capture" "$tmp/old/flows.202611231440"
rows 141174
stop TERM 3
checks=$((checks + 1))
[ "$(grep -c 'old: No such file' "$tmp/log")" = 1 ] || failed 'that a directory went is told once' "$tmp/log"

# Windows close and alerts end by the wall clock while nothing comes
piece 0 100000 > "$tmp/log.pcap"
: > "$tmp/shown"
timeout --foreground -k 5 60 "$tocsin" run -e 'count() by src per 1m <= 1000' --follow "$tmp/log.pcap" > "$tmp/shown" 2> "$tmp/log" &
pid=$!
appears shown 'windows do not close while nothing comes'
stop TERM 0
finish
