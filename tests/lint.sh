#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Static checks beyond the compiler's: cppcheck where installed, no generated
# file tracked, licence lines, shell syntax. Exit status 1 if anything is found.
status=0
tracked=$(git ls-files | grep -E '\.(o|a|so|d)$|\.tab\.[ch]$|lexer\.[ch]$')
[ -z "$tracked" ] || { echo "generated files are tracked: $tracked"; status=1; }
for file in $(git ls-files '*.c' '*.h' '*.l' '*.y' '*.sh'); do
	head -3 "$file" | grep -q 'SPDX-License-Identifier' || { echo "$file: no SPDX line"; status=1; }
done
for file in $(git ls-files '*.sh'); do
	sh -n "$file" 2>/dev/null || bash -n "$file" || status=1
done
if command -v cppcheck >/dev/null 2>&1; then
	cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --suppress=ctuuninitvar --suppress=normalCheckLevelMaxBranches -D_GNU_SOURCE -I engine -I . \
	    engine grammar/*.c || status=1
else
	echo "cppcheck is not installed: skipped"
fi
exit $status
