#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What README and the man pages say works as it is written there.
. tests/cli/lib
# Words are looked at here, not memory: that is what the other scripts run the sanitized program for.
TSN_BIN=${TSN_RELEASE:-$TSN_BIN}
tocsin=$TSN_BIN

# The `$ tocsin` lines of a file's ```console blocks, one a line.
console() {
	awk '/^```console/ { on = 1; next } /^```/ { on = 0 } on && /^\$ tocsin/ { sub(/^\$ /, ""); print }' "$1"
}
# The n-th block of a language.
block() { # FILE LANGUAGE N
	awk -v language="\`\`\`$2" -v n="$3" '/^```/ { if (on) { on = 0 } else if ($0 == language && ++seen == n) { on = 1; next } }
	    on' "$1"
}
shell() { # LINE: with `tocsin` as the program under test
	(
		tocsin() { "$TSN_BIN" "$@"; }
		eval "$1"
	)
}

console README.md > "$tmp/lines"
checks=$((checks + 1))
[ "$(wc -l < "$tmp/lines")" -ge 8 ] || failed 'README.md has too few examples'
while read -r line; do
	expect 0 shell "$line"
	checks=$((checks + 1))
	[ -s "$tmp/out" ] || failed "README.md: says nothing: $line"
done < "$tmp/lines"

# Rules in README: the first has tests; the second is a site's file.
block README.md tsn 1 > "$tmp/first.tsn"
expect 0 "$tocsin" check "$tmp/first.tsn"
expect 0 "$tocsin" test "$tmp/first.tsn"
says out '2 passed, 0 failed'
block README.md tsn 2 > "$tmp/site.tsn"
expect 0 "$tocsin" check stdlib-rules "$tmp/site.tsn"
silent err
checks=$((checks + 1))
[ -z "$(block README.md tsn 3)" ] || failed 'README.md has a block of rules that is not tested'

# The error message shown is the one that is printed.
grep -n -A 2 '^[a-z/]*\.tsn:[0-9:]* error' README.md | sed 's/^[0-9]*[-:]//' > "$tmp/shown"
mkdir "$tmp/rules"
sed 's/^    where .*dst_port.*/    when dst_prt == 1434/' rules/first.tsn > "$tmp/rules/first.tsn"
sed -n '1s/.*error: //p' "$tmp/shown" > "$tmp/wanted"
expect 1 "$tocsin" check -e 'dst_prt == 1434'
says err "$(cat "$tmp/wanted")"
says err 'did you mean "dst_port"?'
says err "$(sed -n 3p "$tmp/shown" | sed 's/.*\^/^/')"

# Examples of the man page and of --help, over the recorded capture and with the demo's site.
{
	sed -n 's/^\.Dl tocsin/tocsin/p' docs/man/tocsin.1
	for command in '' run show top exporters check test explain fmt; do
		# shellcheck disable=SC2086
		"$tocsin" $command --help | sed -n '/COMMAND/d; s/^  \(tocsin [^#]*pcap.*\)/\1/p' | sed 's/   .*//'
	done
} > "$tmp/lines"
checks=$((checks + 1))
[ "$(wc -l < "$tmp/lines")" -ge 14 ] || failed 'too few examples' "$tmp/lines"
while read -r line; do
	line=$(printf '%s' "$line" | sed "s#capture\.pcap#$capture#; s#site\.tsn#tests/fixtures/demo.tsn#")
	expect 0 shell "$line"
	checks=$((checks + 1))
	[ -s "$tmp/out" ] || failed "docs/man/tocsin.1 or --help: says nothing: $line"
done < "$tmp/lines"
awk '/^\.Bd/ { on = 1; next } /^\.Ed/ { on = 0 } on' docs/man/tocsin-rules.5 > "$tmp/manual.tsn"
expect 0 "$tocsin" test "$tmp/manual.tsn"
says out '1 passed, 0 failed'
silent err

# The manual knows every command and every option.
"$tocsin" --help | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p' | sed '/^tocsin$/d' > "$tmp/commands"
while read -r command; do
	expect 0 grep -qE "^\.(It|Nm tocsin) Cm .*$command" docs/man/tocsin.1
	"$tocsin" "$command" --help | sed -n 's/^  .*--\([a-z-]*\).*/\1/p'
done < "$tmp/commands" | sort -u > "$tmp/options"
while read -r option; do
	case $option in rules | expr | number | library | verbose | quiet) continue ;; esac # by their letters
	expect 0 grep -qE "Fl -$option" docs/man/tocsin.1
done < "$tmp/options"
# ... and those of rulesets every verb and what it takes.
"$tocsin" ruleset --help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' > "$tmp/verbs"
while read -r verb; do
	expect 0 grep -qE "^\.(It|Nm tocsin ruleset) Cm $verb\$" docs/man/tocsin-ruleset.1
	"$tocsin" ruleset "$verb" --help | sed -n 's/^  .*--\([a-z-]*\).*/\1/p'
done < "$tmp/verbs" | sort -u > "$tmp/options"
while read -r option; do
	case $option in library | output | public-key | secret-key | comment | rules | quiet | help) continue ;; esac # by their letters
	expect 0 grep -qE "Fl -$option" docs/man/tocsin-ruleset.1
done < "$tmp/options"
if command -v mandoc > /dev/null 2>&1; then
	expect 0 mandoc -T lint -W warning docs/man/tocsin.1 docs/man/tocsin-ruleset.1 docs/man/tocsin-rules.5
fi

# The page of fields is what the program says; `make docs` writes it.
expect 0 "$tocsin" fields --format markdown
same 'docs/normal-form.md' docs/normal-form.md "$tmp/out"

# What flows of formats of fixed layout carry is what the page says of their format.
knows() { # SECTION OPTIONS...: every field that a record brings, all in all
	section=$1
	shift
	sed -n "/^### $section\$/,/^###* /s/^| \`\([a-z_]*\)\` |.*/\1/p" docs/normal-form.md | sort > "$tmp/page"
	expect 0 "$tocsin" show "$capture" --fields all --format json "$@"
	tr ',{' '\n\n' < "$tmp/out" | sed -n 's/^"\([a-z_]*\)":.*/\1/p' | sort -u | grep -vxE 'exporter_.*|packets|bytes|ip_version' > "$tmp/carried"
	checks=$((checks + 1))
	comm -13 "$tmp/page" "$tmp/carried" > "$tmp/lacking"
	[ -s "$tmp/carried" ] && [ ! -s "$tmp/lacking" ] || failed "docs/normal-form.md, $section, lacks" "$tmp/lacking"
}
knows 'NetFlow v1, v5 and v7'
knows Packets --as packets

# The page for operators knows every counter, and every field that tells of exporters.
"$tocsin" exporters "$capture" --format json | tr ',{' '\n\n' | sed -n 's/^"\([a-z_]*\)":[0-9]*$/\1/p' > "$tmp/counters"
"$tocsin" fields | sed -n 's/^\(exporter_[a-z_]*\) .*/\1/p' | grep -v '^exporter_name$' >> "$tmp/counters"
checks=$((checks + 1))
[ "$(wc -l < "$tmp/counters")" -ge 34 ] || failed 'too few counters' "$tmp/counters"
while read -r counter; do
	case $counter in sampling | sampling_override | skew_ms) continue ;; esac # not counted
	expect 0 grep -qF "\`$counter\`" docs/inputs.md
done < "$tmp/counters"

# Files that README, the pages of docs/ and the rules name are there.
for file in $(sed -n 's/.*](\([^):#]*\)).*/\1/p' README.md); do
	expect 0 test -e "$file"
done
for file in $(sed -n 's/.*](\([^):#]*\)).*/\1/p' docs/*.md); do
	expect 0 test -e "docs/$file"
done
finish
