#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
#
#     state.sh BUILD [short]
#
# `make bench-state`: what groups, ticks, conversations, a flood and snapshots cost, each measured within one process;
# what came out is in docs/performance.md. `short`, which `make bench` ends with, is fewer flows of each and stays under a minute.
set -eu
build=$1
if [ "${2-}" = short ]; then
	groups=250 flows=1 flood=2
else
	groups=1000 flows=4 flood=100
fi
title() { printf '\n%s\n' "$1"; }
title 'folding flows into groups'
if [ "${2-}" = short ]; then
	"$build/bench_state" 0.5 "count by src"
	"$build/bench_state" 0.5 sequence | tail -n +2
	"$build/bench_state" 0.5 stddev | tail -n +2
else
	"$build/bench_state"
fi
title 'ticks: windows that close, samples, silences'
"$build/bench_ticks" $groups
title 'flows into conversations'
"$build/bench_pair" $flows
title 'heavy sources in a flood of others, in 64 MiB'
"$build/flood" $flood
if [ "${2-}" != short ]; then
	title 'snapshots'
	"$build/bench_snapshot"
fi
