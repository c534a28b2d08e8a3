#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes between rooms run one way: each room lists the rooms it may include,
# and nothing below cli may exit or write to stdout, nothing below daemon may read the clock.
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

may() { # ROOM "ROOM..."
	dir=engine/$1
	[ "$1" = grammar ] && dir=grammar
	for file in "$dir"/*.[chly]; do
		[ -f "$file" ] || continue
		grep -nE '^#include "[a-z]+/' "$file" | while IFS= read -r line; do
			room=$(printf '%s' "$line" | sed -E 's/.*"([a-z]+)\/.*/\1/')
			case " $1 $2 " in *" $room "*) ;; *) echo "$file:$line: room $1 must not include $room" >> "$bad" ;; esac
		done
	done
}
may base    ""
may flow    "base"
may packet  "base"
may pair    "base flow"
may decode  "base packet flow"
may input   "base packet"
may sets    "base flow"
may grammar "base"
may state   "base flow sets"
may vm      "base flow sets state"
may compile "base flow sets state vm grammar"
may alert   "base flow sets state vm"
may core    "base flow pair sets state vm grammar compile alert decode"
may feed    "base flow pair decode input sets state vm grammar compile alert core"
may author  "base flow pair decode input sets state vm grammar compile alert core feed"
may ruleset "base flow pair decode input sets state vm grammar compile alert core feed author"
may daemon  "base flow pair sets state vm grammar compile alert decode core input feed ruleset"
may cli     "base flow pair sets state vm grammar compile alert decode core input feed author ruleset daemon"

ban() { # PATTERN WHY DIR...
	pattern=$1 why=$2
	shift 2
	grep -nE "$pattern" "$@" /dev/null 2>/dev/null | sed "s/\$/   <- $why/" >> "$bad"
}
below_cli=$(ls engine/[abfiprsvd]*/*.c engine/compile/*.c engine/core/*.c grammar/*.c 2>/dev/null)
below_daemon=$(ls engine/base/*.c engine/packet/*.c engine/flow/*.c engine/pair/*.c engine/decode/*.c engine/sets/*.c engine/state/*.c engine/vm/*.c \
    engine/compile/*.c engine/alert/*.c engine/core/*.c engine/feed/*.c grammar/*.c 2>/dev/null)
# shellcheck disable=SC2086
ban '(^|[^_a-z])(exit|abort|_exit)\(' "only cli may exit" $below_cli
# shellcheck disable=SC2086
ban '(^|[^_a-z])(printf|puts|putchar)\(' "only cli writes to stdout" $below_cli
# shellcheck disable=SC2086
ban '(^|[^_a-z])(time|gettimeofday|clock_gettime|clock)\(' "only daemon and cli read the clock" $below_daemon

if [ -s "$bad" ]; then
	cat "$bad"
	exit 1
fi
echo "includes run one way"
