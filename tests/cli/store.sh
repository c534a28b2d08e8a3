#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin ruleset for whoever runs rules: sources, installing, updating, going back; and what a source, an archive or the
# folder itself may be made to say. Whatever is refused leaves the store as it was.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # much is synced, of which a disk makes much
. tests/cli/lib
if ! "$tocsin" ruleset keygen -p "$tmp/k.pub" -k "$tmp/k.key" --no-password > /dev/null 2>&1; then
	echo "NOT CHECKED: the store of rulesets: this build has no libsodium"
	finish
fi
"$tocsin" ruleset keygen -p "$tmp/evil.pub" -k "$tmp/evil.key" --no-password > /dev/null
store=$tmp/store
pub=$tmp/pub
url=file://$pub/index.json
mkdir -p "$pub" "$tmp/site"
echo 'set home_net = { 10.0.0.0/8 }' > "$tmp/site/site.tsn"

ruleset() { # VERB ...: on the store, with the site's rules where it takes any
	verb=$1
	shift
	case $verb in
	add | list | info | remove-source) "$tocsin" ruleset "$verb" "$@" --rulesets "$store" ;;
	*) "$tocsin" ruleset "$verb" "$@" --rulesets "$store" -r "$tmp/site" ;;
	esac
}
rules() { # NAME VERSION LIMIT [CHANNEL]: the folder of a version
	mkdir -p "$tmp/src/$1"
	cat > "$tmp/src/$1/$1.tsn" << END
ruleset $1 { version "$2" license "CC0-1.0" author "Acme" channel "${4:-core}" requires "1.0" }
set home_net = site
let limit = $3
rule busy {
    title "A host that asks much"
    where src in home_net and dst_port == 80
    when count() by src over 60s > limit
    test "many" fires { flow { src = 10.0.0.1, dst = 192.0.2.1, proto = tcp, dst_port = 80 } repeat 200 }
    test "few" quiet { flow { src = 10.0.0.1, dst = 192.0.2.1, proto = tcp, dst_port = 80 } }
}
END
}
pack() { # NAME
	"$tocsin" ruleset pack "$tmp/src/$1" -o "$pub" > "$tmp/packed" 2>&1 || failed "pack $1" "$tmp/packed"
	for file in "$pub/$1"-*.tar.zst; do
		[ -f "$file.minisig" ] || "$tocsin" ruleset sign "$file" -k "$tmp/k.key" > /dev/null
	done
}
publish() { # NAME VERSION LIMIT [CHANNEL]
	rules "$@"
	pack "$1"
	"$tocsin" ruleset index "$pub" -k "$tmp/k.key" > /dev/null
}
doctored() { # SED-PROGRAM [KEY]: the index, changed and signed again
	sed "$1" "$pub/index.json" > "$tmp/index.json"
	mv "$tmp/index.json" "$pub/index.json"
	rm -f "$pub/index.json.minisig"
	"$tocsin" ruleset sign "$pub/index.json" -k "${2:-$tmp/k.key}" > /dev/null
}
keep() { # the source as it is now; `back` brings it again
	rm -rf "$tmp/kept"
	cp -R "$pub" "$tmp/kept"
}
back() {
	rm -rf "$pub"
	cp -R "$tmp/kept" "$pub"
}
in_force() { # NAME VERSION: it is, and the rules are whole
	checks=$((checks + 1))
	"$tocsin" ruleset list --rulesets "$store" --format json > "$tmp/list" 2> "$tmp/list.err" || failed "list" "$tmp/list.err"
	tr '{' '\n' < "$tmp/list" | grep -q "\"name\":\"$1\".*\"version\":\"$2\"" || failed "$1 $2 is not in force" "$tmp/list"
	expect 0 "$tocsin" check -q --rulesets "$store" -r "$tmp/site"
}
refused() { # SENTENCE COMMAND...: it ends with 1 and says so, and the state is what it was
	sentence=$1
	shift
	cp "$store/state.json" "$tmp/state.before"
	expect 1 "$@"
	says err "$sentence"
	same "the state after: $sentence" "$tmp/state.before" "$store/state.json"
}

# --- the usual way ---
expect 0 ruleset list
says out "no source and no ruleset in $store"
publish worms 1.0 20
expect 0 ruleset add acme "$url" "$tmp/k.pub"
says out 'acme: 1 ruleset, index 1, good until '
expect 0 ruleset list
says out 'worms    -        1.0     core     -        -       acme'
expect 0 ruleset install worms
says out '2 tests passed'
says out "no daemon runs with $store"
says out 'worms: 1.0'
in_force worms 1.0
expect 1 ruleset install worms
says err 'worms 1.0 is installed; `tocsin ruleset update worms` brings newer ones'
expect 0 ruleset update
says out 'worms: 1.0 is the newest'
publish worms 1.1 30
expect 1 ruleset diff worms 7.0
says err 'worms has no version 7.0'
expect 0 ruleset update -q
is out 'worms: 1.1, before 1.0'
in_force worms 1.1
expect 0 ruleset rollback worms
says out 'worms goes back from 1.1 and is pinned, until `tocsin ruleset unpin worms`, to 1.0'
in_force worms 1.0
expect 0 ruleset update
says out 'worms stays at 1.0: it is pinned'
expect 1 ruleset rollback worms
says err 'worms 1.0 is the oldest version kept: there is none to go back to'
expect 0 ruleset diff worms
says out 'worms: 1.0 in force, 1.1 to compare with'
says out '~ let limit'
says out '    - let limit = 20'
says out '    + let limit = 30'
says out '0 added, 0 removed, 1 changed'
expect 0 ruleset unpin worms
expect 0 ruleset update -q
in_force worms 1.1
expect 0 ruleset pin worms 1.0
in_force worms 1.0
expect 0 ruleset unpin worms
expect 0 ruleset disable worms
expect 0 "$tocsin" check --rulesets "$store" -r "$tmp/site"
says out '0 rules'
expect 0 ruleset enable worms --share 40
expect 0 ruleset info worms
says out 'share      40 % of the site'
says out 'kept       1.1, installed on '
says out ': in force'

# what the site does not define it is told, and nothing changes
expect 1 "$tocsin" ruleset update --rulesets "$store"
says err 'the rules do not compile; name the site'"'"'s own files with -r'
says err 'nothing was changed'
says err 'set home_net has no value: the site gives it'
in_force worms 1.0
expect 0 ruleset update -q
in_force worms 1.1

# channels
publish hunts 1.0 30 hunting
expect 0 ruleset install hunts
says out 'hunts is of the channel hunting and not enabled'
expect 0 "$tocsin" check --rulesets "$store" -r "$tmp/site"
says out '1 rule,'
expect 0 ruleset enable hunts
expect 0 ruleset remove hunts
rules fresh 1.0 30 emerging
sed 's/title/expires 2027-03-01 title/' "$tmp/src/fresh/fresh.tsn" > "$tmp/fresh" && mv "$tmp/fresh" "$tmp/src/fresh/fresh.tsn"
pack fresh
"$tocsin" ruleset index "$pub" -k "$tmp/k.key" > /dev/null
expect 0 ruleset install fresh
expect 0 ruleset list
says out 'fresh.busy expires on 2027-03-01'
expect 0 ruleset list --format json
says out '"expires":{"busy":"2027-03-01"}'
expect 0 ruleset remove fresh
expect 1 test -d "$store/versions/fresh"

# five are kept
for v in 2 3 4 5 6; do
	publish worms 1.$v $((20 + v))
	expect 0 ruleset update -q
done
expect 0 ls "$store/versions/worms"
is out '1.2
1.3
1.4
1.5
1.6'
in_force worms 1.6

# --- what a source may be made to say ---
keep
doctored 's/"serial": [0-9]*/"serial": 1/'
refused 'acme: the index has serial 1, but ' ruleset update
says err ' was seen before: somebody offers an old one'
back
doctored 's/"author": "Acme"/"author": "Emca"/'
refused 'like the one seen before, but is another: its publisher must give it a new serial' ruleset update
back
doctored 's/"generated": "[^"]*"/"generated": "2026-01-01T00:00:00Z"/; s/"expires": "[^"]*"/"expires": "2026-01-02T00:00:00Z"/; s/"serial": \([0-9]*\)/"serial": 1\1/'
refused 'acme: the index expired on 2026-01-02: nobody has renewed it, or somebody keeps newer ones from us' ruleset update
back
doctored 's/"serial": \([0-9]*\)/"serial": 1\1/' "$tmp/evil.key"
refused 'signed with another key' ruleset update
back
rm "$pub/index.json.minisig"
refused "acme: " ruleset update
back
echo ' ' >> "$pub/index.json"
refused "acme: $url: " ruleset update
back
refused 'acme is there already, with another key' ruleset add acme "$url" "$tmp/evil.pub"
refused 'other was not added' ruleset add other "$url" "$tmp/evil.pub"
in_force worms 1.6

# an update that is not what the index, or the signature, says: the index is seen, and nothing else changes
offer() { # SENTENCE: the ruleset stays what it is
	expect 1 ruleset update
	says err "$1"
	says err 'nothing was changed'
	in_force worms 1.6
	expect 0 test ! -e "$store/versions/worms/1.7"
	back
	# the next attack needs a newer serial
	serial=$((serial + 10))
}
serial=1000
publish worms 1.7 99
publish other 9.9 20
keep
entry() { # FIELD FROM-ARCHIVE: of the index's entry of worms 1.7 is that of the archive
	grep "\"url\": \"$2\"" "$pub/index.json" | sed "s/.*\"$1\": \"*\([0-9a-zA-Z.-]*\).*/\1/"
}
attack() { # SED-PROGRAM on the entry of worms 1.7, and a newer serial
	doctored "/worms-1.7/{ $1
}; s/\"serial\": [0-9]*/\"serial\": $serial/"
}
size=$(entry size other-9.9.tar.zst) sum=$(entry sha256 other-9.9.tar.zst)
attack "s/\"url\": \"[^\"]*\", \"size\": [0-9]*, \"sha256\": \"[^\"]*\"/\"url\": \"other-9.9.tar.zst\", \"size\": $size, \"sha256\": \"$sum\"/"
offer 'other-9.9.tar.zst was signed as other 9.9, but is offered as worms 1.7'
size=$(entry size worms-1.2.tar.zst) sum=$(entry sha256 worms-1.2.tar.zst)
attack "s/\"url\": \"[^\"]*\", \"size\": [0-9]*, \"sha256\": \"[^\"]*\"/\"url\": \"worms-1.2.tar.zst\", \"size\": $size, \"sha256\": \"$sum\"/"
offer 'worms-1.2.tar.zst was signed as worms 1.2, but is offered as worms 1.7'
attack 's/"size": [0-9]*/"size": 100/'
offer 'worms-1.7.tar.zst'
attack 's/"size": [0-9]*/"size": 100000/'
offer ' bytes, but the index says 100000'
attack 's/"sha256": "[^"]*"/"sha256": "0000000000000000000000000000000000000000000000000000000000000000"/'
offer 'worms-1.7.tar.zst is not the archive of the index: its sha256 is '
printf 'x' | dd of="$pub/worms-1.7.tar.zst" bs=1 seek=60 conv=notrunc 2> /dev/null
attack 's/x/x/'
offer 'worms-1.7.tar.zst: '
rm "$pub/worms-1.7.tar.zst.minisig"
"$tocsin" ruleset sign "$pub/worms-1.7.tar.zst" -k "$tmp/evil.key" > /dev/null
attack 's/x/x/'
offer 'signed with another key'
rm "$pub/worms-1.7.tar.zst.minisig"
"$tocsin" ruleset sign "$pub/worms-1.7.tar.zst" -k "$tmp/k.key" -c 'tocsin ruleset worms 1.8' > /dev/null
attack 's/x/x/'
offer 'was signed as worms 1.8, but is offered as worms 1.7'
rm "$pub/worms-1.7.tar.zst.minisig"
"$tocsin" ruleset sign "$pub/worms-1.7.tar.zst" -k "$tmp/k.key" -c 'a fine day' > /dev/null
attack 's/x/x/'
offer 'its signature does not say which ruleset it is, but "a fine day"'
# the archive of another ruleset, signed as this one
cp "$pub/other-9.9.tar.zst" "$pub/worms-1.7.tar.zst"
rm "$pub/worms-1.7.tar.zst.minisig"
"$tocsin" ruleset sign "$pub/worms-1.7.tar.zst" -k "$tmp/k.key" -c 'tocsin ruleset worms 1.7' > /dev/null
size=$(entry size other-9.9.tar.zst) sum=$(entry sha256 other-9.9.tar.zst)
attack "s/\"size\": [0-9]*, \"sha256\": \"[^\"]*\"/\"size\": $size, \"sha256\": \"$sum\"/"
offer 'worms 1.7: the archive holds other 9.9'
attack 's/"engine": "1.0"/"engine": "99.0"/'
expect 0 ruleset update
says out 'worms: 1.6 is the newest'
back
serial=$((serial + 10))
doctored "/\"version\": \"1.[67]\"/d; s/\"serial\": [0-9]*/\"serial\": $serial/"
expect 0 ruleset update
says out 'worms: 1.6 is the newest'
in_force worms 1.6
back
# the same version, other rules
rm "$pub"/worms-1.7* "$pub"/worms-1.6*
publish worms 1.6 77
serial=$((serial + 10))
doctored "s/\"serial\": [0-9]*/\"serial\": $serial/"
expect 1 ruleset install worms --version 1.6
says err 'worms 1.6 is installed and in force'
expect 0 ruleset rollback worms
expect 0 ruleset unpin worms
expect 1 ruleset update
says err 'worms 1.6 is kept, but the one offered is another: its publisher must give it a new version'
in_force worms 1.5
back
doctored "s/\"serial\": [0-9]*/\"serial\": $((serial + 10))/"
expect 0 ruleset pin worms 1.6
expect 0 ruleset unpin worms
in_force worms 1.6

# --- by hand, without a network ---
expect 1 ruleset install "$pub/worms-1.7.tar.zst"
says err 'whose signature is to be believed? Say --source SOURCE, or -p KEY'
refused 'signed with another key' ruleset install "$pub/worms-1.7.tar.zst" -p "$tmp/evil.pub"
refused 'worms 1.2 is older than 1.6, which is in force; --force installs it all the same' ruleset install "$pub/worms-1.2.tar.zst" --source acme
refused 'worms 1.6 is installed and in force' ruleset install "$pub/worms-1.6.tar.zst" --source acme
expect 0 ruleset install "$pub/worms-1.7.tar.zst" --source acme
in_force worms 1.7
expect 0 ruleset remove worms
expect 0 ruleset install "$pub/worms-1.7.tar.zst" -p "$tmp/k.pub"
in_force worms 1.7
expect 0 ruleset list
says out '  file'
"$tocsin" ruleset sign "$pub/worms-1.6.tar.zst" -k "$tmp/evil.key" > /dev/null 2>&1
cp "$pub/worms-1.6.tar.zst" "$tmp/worms-1.8.tar.zst"
"$tocsin" ruleset sign "$tmp/worms-1.8.tar.zst" -k "$tmp/evil.key" -c 'tocsin ruleset worms 1.8' > /dev/null
refused 'worms 1.7 is installed and was signed with another key' ruleset install "$tmp/worms-1.8.tar.zst" -p "$tmp/evil.pub"
expect 1 ruleset install worms --version 1.6
says err 'worms 1.7 is installed from a file; `tocsin ruleset remove worms` first'
in_force worms 1.7

# --- what the folder may be made to hold ---
cp "$store/state.json" "$tmp/good"
for damage in '{' '' '{"format":1}' '{"format":2}' "$(head -c 300 "$tmp/good")"; do
	printf '%s' "$damage" > "$store/state.json"
	cp "$store/state.json" "$tmp/damaged"
	for verb in list update 'disable worms'; do
		# shellcheck disable=SC2086
		expect 1 ruleset $verb
		says err 'state.json cannot be used: '
		says err 'nothing was changed'
	done
	expect 1 "$tocsin" check --rulesets "$store" -r "$tmp/site"
	same 'a damaged state is overwritten' "$tmp/damaged" "$store/state.json"
done
expect 0 test -f "$store/versions/worms/1.7/worms.tsn"
cp "$tmp/good" "$store/state.json"
in_force worms 1.7
for piece in state.json versions index lock; do
	mv "$store/$piece" "$tmp/aside"
	ln -s "$tmp/aside" "$store/$piece"
	expect 1 ruleset disable worms
	says err 'no symbolic link in a store is followed'
	rm "$store/$piece"
	mv "$tmp/aside" "$store/$piece"
done
in_force worms 1.7
echo '# changed' >> "$store/versions/worms/1.7/worms.tsn"
expect 1 "$tocsin" check --rulesets "$store" -r "$tmp/site"
says err 'versions/worms/1.7/worms.tsn is not as it was signed; it was changed after it was installed'
expect 0 ruleset disable worms
expect 1 ruleset enable worms
says err 'is not as it was signed'
expect 0 ruleset remove worms
mkdir -p "$store/versions/worms/.tmp-1.7" "$store/versions/worms/1.7"
echo 'rule x {' > "$store/versions/worms/1.7/worms.tsn"
expect 0 ruleset install "$pub/worms-1.7.tar.zst" --source acme
in_force worms 1.7
chmod o+w "$store"
expect 1 ruleset update
says err 'anybody may write to it, so nothing in it can be trusted'
chmod o-w "$store"
if command -v flock > /dev/null; then
	expect 1 flock "$store/lock" "$tocsin" ruleset update --rulesets "$store" -r "$tmp/site"
	says err 'another `tocsin ruleset` is changing it; try again when that has ended'
fi
# the site changed meanwhile: what is enabled next must compile with it
echo 'override worms.bussy { severity high }' > "$tmp/site/more.tsn"
expect 0 ruleset disable worms
echo 'rule broken { when dst_prt == 1 }' > "$tmp/site/more.tsn"
refused 'the rules do not compile together with the site' ruleset enable worms
rm "$tmp/site/more.tsn"
expect 0 ruleset remove-source acme
says out 'worms stays, and gets no updates any more'
in_force worms 1.7

# --- how it is asked ---
expect 2 "$tocsin" ruleset instal worms
says err 'did you mean `tocsin ruleset install`?'
expect 2 "$tocsin" ruleset remove-sorce acme
says err 'did you mean `tocsin ruleset remove-source`?'
expect 2 ruleset add Acme "$url" "$tmp/k.pub"
expect 2 ruleset add acme ftp://x/index.json "$tmp/k.pub"
expect 1 ruleset add acme "$url" "$tmp/nokey"
says err 'is neither a file nor a public key'
expect 1 ruleset enable wroms
says err 'no ruleset wroms is installed; did you mean worms?'
expect 2 ruleset enable worms --share 101
expect 2 ruleset install worms extra
finish
