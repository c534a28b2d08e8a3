#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `tocsin ruleset` as publishers use it: keys, archives, signatures, an index; and what is said when it cannot be done.
. tests/cli/lib

if "$tocsin" version | grep -qE '^(libsodium|libarchive|jansson) +no:'; then
	expect 3 "$tocsin" ruleset keygen -p "$tmp/p" -k "$tmp/s" --no-password
	echo 'NOT CHECKED: this build is without libsodium, libarchive or jansson'
	finish
fi

# The family and its help
expect 2 "$tocsin" ruleset
says out 'Usage: tocsin ruleset VERB'
expect 0 "$tocsin" ruleset --help
expect 0 "$tocsin" help ruleset
sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' "$tmp/out" > "$tmp/verbs"
while read -r verb; do
	expect 0 "$tocsin" ruleset "$verb" --help
	says out "Usage: tocsin ruleset $verb"
	expect 0 "$tocsin" help ruleset "$verb"
	expect 2 "$tocsin" ruleset "$verb" --bogus
	says err "Try \`tocsin ruleset $verb --help\`"
done < "$tmp/verbs"
for verb in pack keygen sign verify index; do
	expect 0 grep -qx "$verb" "$tmp/verbs"
	expect 2 "$tocsin" ruleset $verb
done
expect 2 "$tocsin" ruleset pakc
says err 'did you mean `tocsin ruleset pack`?'
expect 2 "$tocsin" ruleset --quiet pack
expect 2 "$tocsin" ruleset pack x -k y
says err '`tocsin ruleset pack` takes no --secret-key'

# Keys
expect 0 "$tocsin" ruleset keygen -p "$tmp/w.pub" -k "$tmp/w.key" --no-password
key=$(tail -1 "$tmp/out")
expect 3 "$tocsin" ruleset keygen -p "$tmp/other.pub" -k "$tmp/w.key" --no-password
says err 'is there already and stays as it is'
expect 2 "$tocsin" ruleset keygen -p "$tmp/a" -k "$tmp/b" --no-password --password-file "$tmp/c"
expect 3 "$tocsin" ruleset keygen -p "$tmp/a" -k "$tmp/b" --password-file "$tmp/none"
says err '--password-file'
: > "$tmp/empty"
expect 3 "$tocsin" ruleset keygen -p "$tmp/a" -k "$tmp/b" --password-file "$tmp/empty"
says err 'its first line is empty'

# An archive
mkdir -p "$tmp/worms/lists" "$tmp/public"
header='ruleset worms { version "2026.11.9" license "CC0-1.0" author "A. Author" requires "1.0" channel "emerging" }'
cat > "$tmp/worms/worms.tsn" << END
$header
set bad = file "lists/bad.txt"
rule slammer {
    when dst_port == 1434 or src in bad
    test "one" fires { flow { src = 10.0.0.1, proto = udp, dst_port = 1434 } }
    test "other" quiet { flow { src = 10.0.0.1, proto = udp, dst_port = 1435 } }
}
END
echo 192.0.2.1 > "$tmp/worms/lists/bad.txt"
echo 'not named' > "$tmp/worms/lists/other.txt"
cp stdlib-rules/LICENSE "$tmp/worms/"
archive=$tmp/public/worms-2026.11.9.tar.zst
expect 0 "$tocsin" ruleset pack "$tmp/worms" -o "$tmp/public"
says out "$archive: "
says out ' bytes, 1 rule, 2 tests, 3 files'
says err 'slammer' # what lint found
cp "$archive" "$tmp/first"
touch "$tmp/worms/worms.tsn"
expect 0 "$tocsin" ruleset pack "$tmp/worms" -o "$tmp/public"
same 'packed twice' "$tmp/first" "$archive"

# What is not packed
pack_says() { # STATUS TEXT SENTENCE
	printf '%s\n' "$2" > "$tmp/worms/more.tsn"
	expect "$1" "$tocsin" ruleset pack "$tmp/worms" -o "$tmp/public"
	says err "$3"
	rm "$tmp/worms/more.tsn"
	same 'the archive that was there' "$tmp/first" "$archive"
}
pack_says 1 "$header
rule x { when dst_prt == 1 }" 'no field "dst_prt"'
pack_says 1 "$header
rule x { when dst_port == 1 test \"t\" fires { flow { src = 10.0.0.1, proto = udp, dst_port = 2 } } }" '1 test failed: nothing is packed'
says out 'FAILED worms.x: t'
pack_says 1 "$header
site { memory 1GiB }" 'a ruleset that travels has no site { }'
pack_says 1 "$header
set x = file \"/etc/passwd\"" 'a ruleset that travels has its data below its own folder'
pack_says 1 'rule x { when dst_port == 1 }' 'belongs to no ruleset'
expect 3 "$tocsin" ruleset pack "$tmp/none"
says err 'No such file or directory'
expect 3 "$tocsin" ruleset pack "$tmp/worms" -o "$tmp/first"
says err 'Not a directory'
expect 1 "$tocsin" ruleset pack "$tmp/public"
says err 'no .tsn file in'
sed 's/"lists/"..\/lists/' "$tmp/worms/worms.tsn" > "$tmp/up.tsn"
mkdir "$tmp/up"
mv "$tmp/up.tsn" "$tmp/up/"
expect 1 "$tocsin" ruleset pack "$tmp/up" -o "$tmp/public"
says err 'up.tsn:2:16: error: a ruleset that travels has its data below its own folder'

# Signatures
expect 0 "$tocsin" ruleset sign "$archive" -k "$tmp/w.key"
says out "$archive.minisig: tocsin ruleset worms 2026.11.9"
expect 0 "$tocsin" ruleset verify "$archive" -p "$tmp/w.pub"
is out "$archive: tocsin ruleset worms 2026.11.9"
expect 0 "$tocsin" ruleset verify "$archive" -p "$key"
expect 1 "$tocsin" ruleset verify "$archive" -p tests/fixtures/minisign/plain.pub
says err 'signed with another key'
expect 0 "$tocsin" ruleset verify tests/fixtures/minisign/signed.txt -p tests/fixtures/minisign/plain.pub
cp "$archive" "$tmp/worms-2026.11.9.tar.zst"
cp "$archive.minisig" "$tmp/worms-2026.11.9.tar.zst.minisig"
printf x >> "$tmp/worms-2026.11.9.tar.zst"
expect 1 "$tocsin" ruleset verify "$tmp/worms-2026.11.9.tar.zst" "$archive" -p "$tmp/w.pub"
says err 'these are not the bytes that were signed'
says out "$archive: tocsin ruleset worms" # all are looked at
sed 's/2026.11.9/2026.11.8/' "$archive.minisig" > "$tmp/worms-2026.11.9.tar.zst.minisig"
cp "$archive" "$tmp/worms-2026.11.9.tar.zst"
expect 1 "$tocsin" ruleset verify "$tmp/worms-2026.11.9.tar.zst" -p "$tmp/w.pub"
says err 'the trusted comment is not the one that was signed'
expect 3 "$tocsin" ruleset verify "$tmp/first" -p "$tmp/w.pub"
expect 3 "$tocsin" ruleset verify "$archive" -p "$tmp/none.pub"
expect 3 "$tocsin" ruleset sign "$archive" -k "$tmp/none.key"
expect 3 "$tocsin" ruleset sign "$archive" -k "$tmp/w.pub"
says err 'is no secret key of minisign'
head -c 300 "$archive" > "$tmp/cut-1.tar.zst"
expect 1 "$tocsin" ruleset sign "$tmp/cut-1.tar.zst" -k "$tmp/w.key"
says err 'the archive is damaged or none'
expect 0 "$tocsin" ruleset sign "$tmp/cut-1.tar.zst" -k "$tmp/w.key" -c 'as it is'
expect 0 "$tocsin" ruleset verify "$tmp/cut-1.tar.zst" -p "$tmp/w.pub"
is out "$tmp/cut-1.tar.zst: as it is"
expect 0 "$tocsin" ruleset sign -k "$tmp/w.key" -c 'x' -- "$tmp/first"
# a key with a password, from a file, from a descriptor, and from no terminal
printf 'pass word\nmore\n' > "$tmp/password"
expect 0 "$tocsin" ruleset sign "$tmp/first" -k tests/fixtures/minisign/encrypted.key --password-file "$tmp/password"
expect 0 "$tocsin" ruleset verify "$tmp/first" -p tests/fixtures/minisign/encrypted.pub
is out "$tmp/first: first"
input=$tmp/password
expect 0 "$tocsin" ruleset sign "$tmp/first" -k tests/fixtures/minisign/encrypted.key --password-file 0
input=
echo wrong > "$tmp/password"
expect 3 "$tocsin" ruleset sign "$tmp/first" -k tests/fixtures/minisign/encrypted.key --password-file "$tmp/password"
says err 'wrong password for tests/fixtures/minisign/encrypted.key'
if command -v setsid > /dev/null 2>&1; then
	expect 3 setsid -w "$tocsin" ruleset sign "$tmp/first" -k tests/fixtures/minisign/encrypted.key
	says err 'there is no terminal to ask on: give --password-file'
fi

# An index
expect 0 "$tocsin" ruleset index "$tmp/public" -k "$tmp/w.key"
says out 'index.json: serial 1, 1 ruleset, 1 version, expires '
expect 0 "$tocsin" ruleset verify "$tmp/public/index.json" -p "$tmp/w.pub"
is out "$tmp/public/index.json: tocsin index 1"
expect 0 "$tocsin" ruleset index "$tmp/public" -k "$tmp/w.key" --expires 3h
says out 'serial 2, '
expect 0 "$tocsin" ruleset verify "$tmp/public/index.json" -p "$tmp/w.pub"
is out "$tmp/public/index.json: tocsin index 2"
expect 2 "$tocsin" ruleset index "$tmp/public" --expires soon
says err '--expires takes a time like 14d or 12h, not "soon"'
expect 2 "$tocsin" ruleset index "$tmp/public" --expires 0s
rm "$archive.minisig"
expect 0 "$tocsin" ruleset index "$tmp/public"
says err 'worms-2026.11.9.tar.zst is not signed: nobody can install it'
expect 1 "$tocsin" ruleset verify "$tmp/public/index.json" -p "$tmp/w.pub" # the old signature is not the new index's
echo '{' > "$tmp/public/index.json"
expect 1 "$tocsin" ruleset index "$tmp/public"
says err 'the index that is there cannot be read'
rm "$tmp/public/index.json"
cp "$archive" "$tmp/public/worms-2026.11.8.tar.zst"
expect 1 "$tocsin" ruleset index "$tmp/public"
says err 'should be called worms-2026.11.9.tar.zst'
expect 3 "$tocsin" ruleset index "$tmp/none"
expect 1 "$tocsin" ruleset index "$tmp/worms"
says err 'no archive (*.tar.zst) in'

if command -v minisign > /dev/null 2>&1; then
	expect 0 minisign -S -s "$tmp/w.key" -m "$archive" -t 'tocsin ruleset worms 2026.11.9'
	expect 0 "$tocsin" ruleset verify "$archive" -p "$tmp/w.pub"
	expect 0 "$tocsin" ruleset sign "$archive" -k "$tmp/w.key"
	expect 0 minisign -V -p "$tmp/w.pub" -m "$archive"
	says out 'Trusted comment: tocsin ruleset worms 2026.11.9'
else
	echo 'NOT CHECKED: minisign is not installed'
fi
finish
