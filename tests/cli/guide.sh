#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The ten commands of rules/community/README.md, as they stand there: from nothing to a signed, installed rule that alerts.
. tests/cli/lib
root=$PWD
program=$(cd "$(dirname "$tocsin")" && pwd)/$(basename "$tocsin")
sed -n 's/^\$ tocsin/tocsin/p' rules/community/README.md > "$tmp/lines"
checks=$((checks + 1))
[ "$(wc -l < "$tmp/lines")" -eq 10 ] || failed 'the guide has not ten commands' "$tmp/lines"
if "$tocsin" version | grep -q 'not built in.*libsodium'; then
	echo "NOT CHECKED: shipping: built without libsodium"
	finish
	exit
fi

# A directory of its own that looks like the project's.
mkdir "$tmp/work" && cd "$tmp/work" || exit 1

for part in rules tests stdlib-rules; do ln -s "$root/$part" "$part"; done
cp "$root/tests/fixtures/demo.tsn" site.tsn
step() { # LINE
	(
		tocsin() { "$program" "$@"; }
		eval "$1"
	)
}
while read -r line; do
	expect 0 step "$line"
	case $line in
	*--mutate) says out 'mutation score: 100.0 %' ;;
	'tocsin lint'*) says out 'nothing found' ;;
	'tocsin run'*)
		says out 'glowworm.scan'
		says out '10.0.0.77'
		;;
	esac
done < "$tmp/lines"

# The rule to start from is a good one.
expect 0 "$program" test smb_scan.tsn
says out '0 failed'
expect 0 "$program" fmt --check smb_scan.tsn
cd "$root" || exit 1
expect 0 "$tocsin" fmt --check rules/community/glowworm/glowworm.tsn
finish
