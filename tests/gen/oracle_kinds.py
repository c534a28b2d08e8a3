# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Kinds of rules for oracle.py: their text, and what they say of flows and ticks."""
import math
from collections import Counter, defaultdict

from oracle_flows import (CONDITION, FIELD, ICMP, LATENESS, SECOND, TCP, UDP, Agg, Flow, address, flags, key_of, near)


class Compared:
    """AGG > LIMIT, or AGG < LIMIT where that can be said of a flow (S4)."""

    def __init__(self, r, flows):
        self.agg = Agg(r)
        self.above = self.agg.per or r.random() < 0.7
        if self.agg.per and (self.agg.function not in ('count', 'distinct', 'max', 'sum', 'rate') or
                             self.agg.function != 'max' and self.agg.what[:1] in (['bytes - 3000'], ['bytes / (packets - 1)'])):
            self.agg.function, self.agg.what = 'count', []
        seen = []
        for f in flows[:600]:
            self.agg.fold(f)
            v = self.agg.value(f)
            if v is not None:
                seen.append(v)
        self.limit = round(r.choice(sorted(seen)[len(seen) // 3:] or [1]) * r.choice([0.9, 1, 1]), 3) or 1
        if self.limit == int(self.limit):
            self.limit = int(self.limit)
        self.agg.group.clear()
        self.agg.newest.clear()

    def text(self):
        limit = '%d' % self.limit if isinstance(self.limit, int) else '%.3f' % self.limit
        return '%s %s %s' % (self.agg.text(), '>' if self.above else '<', limit)

    def flow(self, f):
        """(has part, holds, value, is too close to tell)"""
        part = self.agg.fold(f)
        v = self.agg.value(f)
        if v is None:
            return part, None, None, False
        return part, v > self.limit if self.above else v < self.limit, v, not isinstance(v, int) and near(v, self.limit)


class AggRule:
    def __init__(self, r, flows):
        self.term = [Compared(r, flows) for _ in range(r.choice([1, 1, 1, 2]))]

    def text(self):
        return ' and '.join(t.text() for t in self.term)

    def flow(self, f):
        said = [t.flow(f) for t in self.term]
        # whether a flow that came too late to be counted has part in the rule is not judged here
        close = any(s[3] or s[0] is None for s in said)
        if not close and not any(s[0] for s in said):
            return None
        if close:
            return ('either', said[0][2])
        return ('match', said[0][2]) if all(s[1] is True for s in said) else None


class New:
    def __init__(self, r, flows):
        self.by = r.choice([[], ['dst'], ['src/24'], ['exporter']])
        self.what = r.choice([['src'], ['src', 'dst_port'], ['dst', 'src']])
        self.window = r.choice([20, 60, 300]) * SECOND
        self.learn = r.choice([None, 5 * SECOND, SECOND])
        self.last, self.first = {}, {}
        self.cond_text, self.cond = r.choice(CONDITION)

    def text(self):
        return 'new(%s%s%s)%s over %ds' % (', '.join(self.what), ' where ' + self.cond_text if self.cond_text else '',
                                           '' if self.learn is None else ', learn %ds' % (self.learn // SECOND),
                                           ' by ' + ', '.join(self.by) if self.by else '', self.window // SECOND)

    def flow(self, f):
        key, what = key_of(self.by, f), key_of(self.what, f)
        if key is None:
            return None
        if self.by and self.cond(f) is not True:
            return None
        first = self.first.setdefault(key, f.t)  # of the group; without `by` of all that came by
        if what is None or self.cond(f) is not True:
            return None
        before = self.last.get(key + what)
        self.last[key + what] = f.t if before is None else max(before, f.t)
        fresh = before is None or f.t - before > self.window
        learned = f.t - first >= (self.window if self.learn is None else self.learn)
        return ('match', None) if fresh and learned else None


class Sequence:
    """Two or three steps, each with its own key; the flows come in the order of their event times."""
    KINDS = [
        (['src'], [('dst_port == 53', lambda f: f.proto != ICMP and f.dp == 53),
                   ('dst_port == 80', lambda f: f.proto != ICMP and f.dp == 80),
                   ('dst_port == 25', lambda f: f.proto != ICMP and f.dp == 25)]),
        (['src', 'dst'], [('proto == udp', lambda f: f.proto == UDP), ('proto == tcp', lambda f: f.proto == TCP),
                          ('proto == icmp', lambda f: f.proto == ICMP)]),
        (['dst'], [('flags == SYN', lambda f: flags(f) == 2), ('flags has ACK', lambda f: (flags(f) or 0) & 16 != 0)]),
    ]

    def __init__(self, r, flows):
        by, steps = r.choice(self.KINDS)
        steps = list(steps)
        r.shuffle(steps)
        self.step = [(by, *s) for s in steps[:r.choice([2, len(steps)])]]
        if r.random() < 0.3:  # a worm: who was hit hits
            self.step = [(['dst', 'dst_port'], 'proto == tcp', lambda f: f.proto == TCP),
                         (['src', 'dst_port'], 'packets <= 3', lambda f: f.packets <= 3)]
        self.window = r.choice([5, 20, 60]) * SECOND
        self.run = defaultdict(dict)  # key: step: latest start of a run that reached it

    def text(self):
        if self.step[0][0] == self.step[1][0]:
            return 'sequence(%s) by %s over %ds' % (', '.join(s[1] for s in self.step), ', '.join(self.step[0][0]),
                                                    self.window // SECOND)
        return 'sequence(%s) over %ds' % (', '.join('(%s) where %s' % (', '.join(s[0]), s[1]) for s in self.step),
                                          self.window // SECOND)

    def flow(self, f):
        matched, last, put = False, len(self.step) - 1, []
        for i in range(last, -1, -1):
            key = key_of(self.step[i][0], f)
            if key is None or not self.step[i][2](f) or any(k == key for k, _, _ in put):
                continue
            if i == 0:
                put.append((key, 0, f.t))
            elif i - 1 in self.run[key] and f.t - self.run[key][i - 1] <= self.window:
                put.append((key, i, self.run[key][i - 1]))
        for key, i, start in put:
            if i == last:
                matched = True
                self.run[key].clear()
            else:
                self.run[key][i] = max(self.run[key].get(i, start), start)
        return ('match', None) if matched else None


# --- what time brings ---

def tick_at(ms):
    return -(-ms // SECOND) * SECOND


class Closing:
    """AGG per D <= LIMIT, decided by the close of each window; windows no shorter than lateness."""

    def __init__(self, r, flows):
        self.agg = Agg(r)
        self.agg.per, self.agg.step, self.agg.at, self.agg.keep = True, None, None, 2
        self.agg.window = self.agg.pane = r.choice([30, 60, 300]) * SECOND
        self.by = self.agg.by
        v = []
        for f in flows[:400]:
            self.agg.fold(f)
            v.append(self.agg.value(f))
        self.limit = math.floor(r.choice([x for x in v if x is not None] or [1])) + 0.5
        self.agg.group.clear()
        self.agg.newest.clear()
        self.closed = set()  # (key, window)

    def text(self):
        return '%s <= %.1f' % (self.agg.text(), self.limit)

    def tick(self, now):
        last = (now - LATENESS) // self.agg.pane - 1 if now is not None else 1 << 60
        for key in list(self.agg.group):
            for pane in sorted({x[0] for x in self.agg.group[key] if x[0] <= last}):
                if pane + 2 <= self.agg.newest[key]:
                    continue  # begun after it should have been closed, and then left behind
                self.closed.add((key, pane))
                yield key, self.over(key, pane)
            self.agg.group[key] = [x for x in self.agg.group[key] if x[0] > last]

    def over(self, key, pane):
        kept, newest = self.agg.group[key], self.agg.newest[key]
        self.agg.group[key], self.agg.newest[key] = [x for x in kept if x[0] == pane], pane
        f = Flow(t=pane * self.agg.pane)
        by, self.agg.by = self.agg.by, []
        self.agg.group[()], self.agg.newest[()] = self.agg.group[key], pane
        v = self.agg.value(f)
        self.agg.by = by
        if key != ():
            del self.agg.group[()], self.agg.newest[()]
        self.agg.group[key], self.agg.newest[key] = kept, newest
        if v is not None and not isinstance(v, int) and near(v, self.limit):
            return 'either'
        return v if v is not None and v <= self.limit else None

    def flow(self, f):
        # a group that has nothing in a window may still begin it late; what was closed stays closed
        if (key_of(self.by, f), f.t // self.agg.pane) not in self.closed:
            self.agg.fold(f)


class Absent:
    """Of groups that name their exporter, whose own silence then does not matter."""

    def __init__(self, r, flows):
        self.by = ['exporter', r.choice(['src', 'dst', 'proto'])]
        self.window = r.choice([2, 5, 20, 60]) * SECOND
        self.cond_text, self.cond = r.choice(CONDITION)
        self.last = {}

    def text(self):
        return 'absent(%s) by %s over %ds' % (self.cond_text, ', '.join(self.by), self.window // SECOND)

    def tick(self, now):
        for key in [k for k in self.last if now is not None and now >= self.last[k] + self.window + LATENESS]:
            del self.last[key]
            yield key, 1

    def flow(self, f):
        key = key_of(self.by, f)
        if key is not None and self.cond(f) is True:
            self.last[key] = max(self.last.get(key, f.t), f.t)



class Told:
    """A rule opens alerts; a set and two rules hear of it from the next tick on."""

    def __init__(self, r):
        self.once, self.stay, self.window = (r.choice([3, 10, 40]) * SECOND for _ in range(3))
        self.port = r.choice([25, 53, 80])
        self.least = r.choice([1, 2])

    def text(self):
        return ('set s = dynamic expire 1h\n'
                'rule r900 {\n\twhen dst_port == %d and packets > 1\n\talert once by src per %ds\n\tthen add src to s for %ds\n}\n'
                'rule r901 {\n\twhen dst in s\n\talert each\n\tmessage "{src_as}"\n}\n'
                'rule r902 {\n\twhen fired(r900) by src over %ds >= %d\n\talert each\n\tmessage "{src_as}"\n}\n' % (
                    self.port, self.once // SECOND, self.stay // SECOND, self.window // SECOND, self.least))

    def matches(self, flows):
        due, reported, silent = {}, {}, {}
        until, fired, pane = {}, defaultdict(list), max(SECOND, -(-self.window // 15))
        keep = -(-self.window // pane) + 1
        waits, opened, members, again = [], 0, [], []
        second = None
        for f in flows:
            if f.received // SECOND != second:
                second = f.received // SECOND
                for tick, key, t, counts, tells in waits:
                    if counts:
                        fired[key].append(t // pane)
                    if tells:
                        until[key] = tick + self.stay
                waits = []
            me, other, now = address(f.src), address(f.dst), second * SECOND
            if f.proto != ICMP and f.dp == self.port and f.packets > 1:
                fresh = due.get(me, 0) <= now
                quiet = me in reported and f.t < reported[me] + self.once
                tells = not quiet and (fresh or silent[me])
                if fresh:
                    silent[me] = quiet
                if tells:
                    reported[me], silent[me] = f.t, False
                    opened += 1
                due[me] = tick_at(f.received + self.once)
                if fresh or tells:
                    waits.append((now + SECOND, me, f.t, fresh, tells))
            if until.get(other, 0) > now:
                members.append(str(f.id))
            if fired[me]:
                at = max(max(fired[me]), f.t // pane)
                counted = []
                for p in fired[me]:  # in order; what was late when it came counts nothing
                    if not counted or p + keep > max(counted):
                        counted.append(p)
                if sum(p + keep > at for p in counted) >= self.least:
                    again.append(str(f.id))
        return opened, members, again
