#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""The rules' meaning once more, as slowly as it can be said.

`oracle.py PROGRAM SEED...` makes random flows (out of order, late, duplicated, of several exporters with clocks of their own,
with long silences) and random rules, computes row by row from the definitions of the language what must match, and compares
with what `PROGRAM run` says. Nothing here knows how the engine does it: a group is the list of the flows counted in it.
ORACLE_WAYS: how many other ways of running are tried for each seed (1).
"""
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

from oracle_flows import MAP, SECOND, make_flows, near, write_flows
from oracle_kinds import Absent, AggRule, Closing, New, Sequence, Told
from oracle_more import Decided, During, GivesWay, Jitter, Limits, Members, Rank, Usual


# Ways of running that must not matter: threads, the loops of a CPU.
WAYS = [(t, cpu) for t in (1, 2, 3, 8) for cpu in ('baseline', 'avx2', 'avx512')]


def walk(rule, flows):
    """What the rule says: of flows by their number, and of a key how often at ticks, and how often it is too close to tell."""
    said, ticks, close, second = {}, Counter(), Counter(), None
    closes = getattr(rule, 'tick', lambda now: ())

    def tick(now):
        for key, v in closes(now):
            if v is not None:
                (close if v == 'either' else ticks)[tuple(map(str, key))] += 1

    for f in flows:
        if f.received // SECOND != second:
            first = (second or f.received // SECOND - 1) + 1
            second = f.received // SECOND
            # no more happens in a long silence than at the ticks of its beginning and its end
            for t in range(first, second + 1) if second - first < 1000 else [second]:
                tick(t * SECOND)
        x = rule.flow(f)
        if x is not None:
            said[f.id] = x
    tick(None)
    return said, ticks, close


def make_rules(r, flows, calm):
    kinds = [Sequence] * 10 + [New] * 5 + [Absent] * 4 if calm else [AggRule] * 30 + [New] * 5 + [Closing] * 5
    return [k(r, flows) for k in kinds]


def more_rules(r, flows, calm):
    kinds = [Rank] * 4 + [Usual] * 3 + [Decided] * 4 if calm else [During] * 2 + [Members] * 2 + [Limits] * 2 + [GivesWay] * 2
    return [k(r, flows) for k in kinds + [Jitter] * 2]


def write_rules(path, rules, told):
    with open(path, 'w') as out:
        out.write(told.text())
        for i, rule in enumerate(rules):
            out.write(getattr(rule, 'before', '') % {'i': i})
            out.write('rule r%d {\n\twhen %s\n%s\talert each\n\tmessage "{src_as}"\n}\n' % (
                i, rule.text() % {'i': i} if '%(' in rule.text() else rule.text(), getattr(rule, 'clauses', '')))


def run(program, folder, size, threads, cpu, *more):
    p = subprocess.run([program, 'run', '-q', '--format', 'json', '-r', folder + '/rules.tsn', '--map', MAP, '--batch-size', str(size),
                        '--threads', str(threads), *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=dict(os.environ, TOCSIN_CPU=cpu))
    if p.returncode != 0:
        sys.exit('status %d: %s' % (p.returncode, '\n'.join(x for x in p.stderr.splitlines() if 'error' in x) or p.stderr))
    return p.stdout


def read_alerts(text):
    got = defaultdict(dict)
    for line in text.splitlines():
        t = json.loads(line)['tocsin']
        rule = int(t['rule'][1:])
        if t.get('message', '-') != '-':
            got[rule][t['message']] = t
        elif t.get('state', 'open') == 'open':
            got[rule].setdefault('ticks', Counter())[tuple(map(str, t['key'].values()))] += 1
    return got


def wrong_flow(f, said, there, lossy):
    """What is wrong with the alert [there] is, or is not, of flow [f]."""
    value = there.get('value') if there else None
    if lossy and (not there or there['quality'] != 'exact'):
        return 'too much (%s)' % value if there and (said is None or said[0] == 'match' and value > said[1]) else None
    if said is None:
        return 'must not match (value %s)' % value if there else None
    if said[0] == 'either':
        return None
    if not there:
        return 'must match (value %s)' % said[1]
    return 'value %s, not %s' % (value, said[1]) if said[1] is not None and not near(float(value), said[1]) else None


def differences(rules, flows, got):
    n = 0
    for i, rule in enumerate(rules):
        said, ticks, close = walk(rule, flows)
        there = got[i].pop('ticks', Counter())
        n += sum(there.values()) + len(got[i])
        wrong = ['%s matched at %d ticks, not %d' % (key, there[key], ticks[key])
                 for key in sorted(set(ticks) | set(there)) if not 0 <= there[key] - ticks[key] <= close[key]]
        for f in flows:
            x = wrong_flow(f, said.get(f.id), got[i].get(str(f.id)), hasattr(rule, 'lossy'))
            if x is not None:
                wrong.append('flow %d: %s' % (f.id, x))
        if wrong:
            yield 'r%d: %s: %d faults: %s' % (i, rule.text(), len(wrong), '; '.join(wrong[:4]))
    yield n


def told_differences(told, flows, got):
    opened, members, again = told.matches(flows)
    there = sum(got[900].get('ticks', Counter()).values())
    if there != opened:
        yield '%sr900 opened %d alerts, not %d' % (told.text(), there, opened)
    for rule, ids in ((901, members), (902, again)):
        if list(got[rule]) != ids:
            odd = sorted(set(got[rule]) ^ set(ids), key=int)
            yield '%sr%d: %d matches, not %d; flows %s' % (told.text(), rule, len(got[rule]), len(ids), odd[:6])
    yield len(members) + len(again)


def ways_differ(r, program, folder, text, flows):
    """Other threads, loops and sizes of batches give the same bytes; so does the input in two parts, with the state kept between."""
    for threads, cpu in r.sample(WAYS, int(os.environ.get('ORACLE_WAYS', 1))):
        size = r.choice([1, 7, 100, 1000, 1024])
        if run(program, folder, size, threads, cpu, folder + '/flows.csv') != text:
            yield '%d threads, batches of %d, %s: other bytes' % (threads, size, cpu)
    at = r.randrange(1, len(flows))
    write_flows(folder + '/one.csv', flows[:at])
    write_flows(folder + '/two.csv', flows[at:])
    whole = run(program, folder, 1000, 1, '', '--state', folder + '/whole', folder + '/flows.csv')
    parts = ''.join(run(program, folder, 1000, r.choice([1, 3]), '', '--state', folder + '/parts', '%s/%s.csv' % (folder, part))
                    for part in ('one', 'two'))
    if parts != whole:
        yield 'cut behind flow %d: other bytes' % at


def main():
    program, bad, matches = sys.argv[1], 0, 0
    fast = os.environ.get('TSN_RELEASE') or program  # sanitizers look at the first run of all
    for seed in map(int, sys.argv[2:]):
        r, more = random.Random(seed), random.Random('more %d' % seed)
        calm = seed % 3 == 0
        flows = make_flows(r, 3000, calm)
        rules, told = make_rules(r, flows, calm), Told(r)
        rules += more_rules(more, flows, calm)
        with tempfile.TemporaryDirectory() as folder:
            folder = os.environ.get('ORACLE_KEEP', folder)
            write_rules(folder + '/rules.tsn', rules, told)
            write_flows(folder + '/flows.csv', flows)
            text = run(program, folder, 1 + flows[0].received % 2048, 1, '', folder + '/flows.csv')
            got = read_alerts(text)
            for d in itertools.chain(differences(rules, flows, got), told_differences(told, flows, got),
                                     ways_differ(more, fast, folder, text, flows)):
                if isinstance(d, int):
                    matches += d
                else:
                    bad += 1
                    print('seed %d: %s' % (seed, d))
    print('%d matches, %d rules differ' % (matches, bad))
    sys.exit(bad != 0 or matches == 0)


if __name__ == '__main__':
    main()
