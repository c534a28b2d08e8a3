#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The page that says what the library does on real traffic is what it does: stable rules are quiet on the benign
# captures or explained, the expected ones fire on the malicious.
. tests/cli/lib
release=${TSN_RELEASE:-build/tocsin}
if [ -d ../shared/data/labelled ]; then
	# every file takes a start of the program with all rules: all of them only in the long run
	how=--sample
	[ -n "$TSN_SOAK" ] && how=--check
	expect 0 env TMPDIR="$tmp" python3 tests/quality/quality.py "$release" ../shared/data $how stdlib-rules/QUALITY.md
	silent err
else
	echo "NOT CHECKED: the captures are not here"
fi
finish
