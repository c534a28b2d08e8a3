# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""More kinds of rules for oracle.py: jitter, ranks, baselines, schedules, sets and tables, groups that give way.

As in oracle_kinds.py nothing here knows how the engine does it. A rule says `either` of a flow where the definitions leave two
readings that differ.
"""
import math
from collections import defaultdict
from statistics import median

from oracle_flows import CONDITION, ICMP, LATENESS, SECOND, TCP, Agg, key_of, near, summary


def verdict(value, holds, limit):
    if value is None:
        return None
    if not isinstance(value, int) and near(value, limit):
        return ('either', None)
    return ('match', value) if holds else None


class Jitter:
    """S18."""

    def __init__(self, r, flows):
        self.by = r.choice([['src'], ['dst'], ['src', 'dst'], []])
        self.window = r.choice([20, 60, 300]) * SECOND
        self.pane = max(SECOND, -(-self.window // 15))
        self.keep = -(-self.window // self.pane) + 1
        self.cond_text, self.cond = r.choice(CONDITION)
        self.above, self.limit = r.random() < 0.5, r.choice([0.3, 0.7, 0.9, 1.1, 1.5, 2.5])
        self.group, self.newest, self.full = defaultdict(list), {}, {}

    def text(self):
        return 'jitter(%s)%s over %ds %s %.1f' % (self.cond_text, ' by ' + ', '.join(self.by) if self.by else '',
                                                  self.window // SECOND, '>' if self.above else '<', self.limit)

    @staticmethod
    def value(flows):
        """Which of [flows], in this order, goes on with the one of its 5-tuple before it?"""
        last, starts = {}, []
        for f in flows:
            tuple5 = (f.src, f.dst, f.proto) + ((f.sp, f.dp) if f.proto != ICMP else ())
            before = last.get(tuple5)
            if before is None or before.start != f.start and abs(f.start - max(before.start, before.end)) > SECOND:
                starts.append(f.start)
            last[tuple5] = f
        gaps = [b - a for a, b in zip(starts, starts[1:])]
        if len(gaps) < 4 or sum(gaps) == 0:
            return None
        mean = sum(gaps) / len(gaps)
        return math.sqrt(sum((g - mean) ** 2 for g in gaps) / len(gaps)) / mean

    def flow(self, f):
        key = key_of(self.by, f)
        if key is None or self.cond(f) is not True:
            return None
        pane = f.t // self.pane
        newest = max(self.newest.get(key, pane), pane)
        if pane + self.keep <= newest:
            return ('either', None)  # too late to be counted: whether it has part is not judged
        self.newest[key] = newest
        window = self.group[key] = [x for x in self.group[key] + [f] if x.t // self.pane + self.keep > newest]
        if len(window) > 256:  # only so many are kept, and what is not is missing until it would have left
            self.full[key] = newest
        if newest < self.full.get(key, newest - self.keep) + self.keep:
            return ('either', None)
        # one that has left the window is before nobody; of two with one start the first is the one that ended first
        value = self.value(sorted(window, key=lambda f: (f.start, max(f.start, f.end))))
        return verdict(value, value is not None and (value > self.limit if self.above else value < self.limit), self.limit)


def in_order(x):
    """Keys as what they are, not as text."""
    if isinstance(x, str) and '.' in x:
        return [int(p) for p in x.split('/')[0].split('.')]
    return {'icmp': 1, 'tcp': 6, 'udp': 17}.get(x, x)


def whole_numbers(r, agg):
    """Makes [agg] one of whole numbers that are never negative."""
    agg.function, agg.at, agg.step = r.choice(['count', 'sum', 'sum', 'distinct']), None, None
    agg.what = {'count': [], 'sum': [r.choice(['packets', 'bytes'])], 'distinct': ['dst_port']}[agg.function]
    return agg


class Rank:
    """S8; flows in the order of their event times."""

    def __init__(self, r, flows):
        self.agg = whole_numbers(r, Agg(r))
        self.agg.per, self.agg.window = True, r.choice([30, 40, 60]) * SECOND
        self.agg.pane, self.agg.keep = self.agg.window, 1 << 40
        self.by = self.agg.by = r.choice([['src'], ['dst'], ['src', 'dst_port'], ['exporter', 'src'], ['dst/24'], ['dst', 'proto']])
        self.within = r.choice([None, None, self.by[0]]) if len(self.by) > 1 else None
        self.op = r.choice(['<=', '<=', '==', '>'])
        self.limit = r.choice([1, 2, 3])
        self.rank, self.closed = {}, None

    def text(self):
        call = self.agg.text()
        call, scope = call[:call.index(' by ')], call[call.index(' by '):]
        return 'rank(%s%s)%s %s %d' % (call, ', within ' + self.within if self.within else '', scope, self.op, self.limit)

    def holds(self, rank):
        return {'<=': rank <= self.limit, '==': rank == self.limit, '>': rank > self.limit}[self.op]

    def tick(self, now):
        last = (now - LATENESS) // self.agg.pane - 1 if now is not None else 1 << 60
        panes = sorted({pane for v in self.agg.group.values() for pane, _ in v if pane <= last})
        for pane in panes:
            self.close(pane)
            for key, rank in self.rank.items():
                yield key, rank if self.holds(rank) else None
        # windows in which nothing was
        if now is not None and panes and last > panes[-1] or not panes and self.closed is not None and last > self.closed:
            self.rank = {}
        self.closed = last

    def close(self, pane):
        values = {}
        for key, v in self.agg.group.items():
            inside = [x for p, x in v if p == pane]
            if inside:
                values[key] = int(summary(self.agg.function, inside, self.agg.window))
            self.agg.group[key] = [x for x in v if x[0] != pane]
        order = sorted(values, key=lambda k: (-values[k], [in_order(x) for x in k]))
        place = defaultdict(int)
        self.rank = {}
        for key in order:
            ring = key[0] if self.within else None
            place[ring] += 1
            self.rank[key] = place[ring]

    def flow(self, f):
        if not self.agg.fold(f):
            return None
        rank = self.rank.get(key_of(self.by, f))
        return ('match', rank) if rank is not None and self.holds(rank) else None


class Usual:
    """baseline and zscore (S19): all windows alike; flows in the order of their event times."""

    def __init__(self, r, flows):
        self.agg = whole_numbers(r, Agg(r))
        self.agg.window, self.agg.step = r.choice([30, 40, 60]) * SECOND, None
        self.agg.per = False
        self.agg.by = self.agg.by or ['src']
        self.agg.pane = self.agg.window if self.agg.per else max(SECOND, -(-self.agg.window // 15))
        self.agg.keep = 2 if self.agg.per else -(-self.agg.window // self.agg.pane) + 1
        self.windows = r.choice([3, 5, 12, 40])
        self.score = r.random() < 0.5
        self.times = r.choice([0.3, 0.5, 1.1, 2.5])
        self.had = defaultdict(lambda: defaultdict(list))  # key: aligned window: (exporter, values)
        self.heard = defaultdict(set)
        self.closed = None

    def text(self):
        call = self.agg.text()
        at = call.index(' by ')
        usual = '(%s, history %ds)%s' % (call[:at], self.windows * self.agg.window // SECOND, call[at:])
        return 'zscore%s > %.1f' % (usual, self.times) if self.score else '%s > %.1f * (baseline%s)' % (call, self.times, usual)

    def tick(self, now):
        if now is not None:
            self.closed = (now - LATENESS) // self.agg.window - 1
        return ()

    def samples(self, key, first):
        """Of the closed windows from [first] on; None: in one of them the group's exporter said nothing at all."""
        had = self.had[key]
        if not had or self.closed is None:
            return []
        before = [w for w in had if w < first]
        last, said = had[max(before)][-1][0] if before else None, []
        for w in range(max(min(had), first), self.closed + 1):
            last = had[w][-1][0] if w in had else last
            if w not in self.heard[last]:
                return None
            said.append(int(summary(self.agg.function, [v for _, v in had[w]], self.agg.window)) if w in had else 0)
        return said

    def flow(self, f):
        now = f.t // self.agg.window
        self.heard[f.exporter].add(now)
        part, key = self.agg.fold(f), key_of(self.agg.by, f)
        if not part:
            return None
        # `within history` of the window that runs, or of this moment
        begin = {now - self.windows, -((self.windows * self.agg.window - f.t) // self.agg.window)}
        readings = [self.samples(key, first) for first in begin]
        had = sorted(self.had[key])
        self.had[key][now].append((f.exporter, self.agg.group[key][-1][1]))
        if None in readings or any(b - a >= self.windows for a, b in zip(had, had[1:] + [now]) if b > now - 3 * self.windows):
            return ('either', None)  # silent for all of its history: it may be unknown from there on
        said = [self.judge(s, int(self.agg.value(f))) for s in readings]
        return said[0] if all(x == said[0] for x in said) else ('either', None)

    def judge(self, samples, value):
        if len(samples) < 3:
            return None
        usual = median(samples)
        if self.score:
            far = (value - usual) / max(1.4826 * median(abs(s - usual) for s in samples), usual / 20, 1)
            return verdict(far, far > self.times, self.times)
        if near(value, self.times * usual):
            return ('either', None)
        return ('match', value) if value > self.times * usual else None


DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
ZONES = {'': 0, ' UTC': 0, ' Europe/Berlin': 60, ' Asia/Kolkata': 330, ' America/New_York': -300}  # in January
MONDAY = 1767571200000  # 2026-01-05 00:00:00 UTC


class During:
    """S41: only when the event time of a flow lies in the schedule, or not in it."""

    def __init__(self, r, flows):
        self.port, self.inside, self.zone = r.choice([25, 53, 80]), r.random() < 0.6, r.choice(sorted(ZONES))
        self.span = []
        for _ in range(r.choice([1, 2])):
            at = (flows[r.randrange(len(flows))].t // 60000 + ZONES[self.zone]) % 1440
            begin = (at - r.choice([0, 1, 5, 300])) % 1440
            self.span.append((r.choice([['mon'], ['mon', 'tue'], ['sun'], DAYS, ['sat', 'sun', 'mon']]), begin,
                              (at + r.choice([1, 3, 120])) % 1440))
        self.clauses = '\tduring %s"%s%s"\n' % ('' if self.inside else 'not ', ', '.join(
            '%s %02d:%02d-%02d:%02d' % (','.join(d), b // 60, b % 60, e // 60, e % 60) for d, b, e in self.span), self.zone)

    def text(self):
        return 'dst_port == %d' % self.port

    def flow(self, f):
        if f.proto == ICMP or f.dp != self.port:
            return None
        minutes = (f.t - MONDAY) // 60000 + ZONES[self.zone]
        day, minute = minutes // 1440, minutes % 1440
        on = any(DAYS[day % 7] in d and b <= minute < (e if b < e else 1440) or b >= e and DAYS[(day - 1) % 7] in d and minute < e
                 for d, b, e in self.span)
        return ('match', None) if on == self.inside else None


class Members:
    """Sets of several kinds beside one another, without counting."""
    TERM = [
        ('src in near%(i)d', lambda f: f.src % 3 == 1 or f.src in (3, 5, 6, 9, 12)),
        ('src not in near%(i)d', lambda f: not (f.src % 3 == 1 or f.src in (3, 5, 6, 9, 12))),
        ('dst in { 10.0.2.0/24, 10.0.0.9 }', lambda f: f.dst % 3 == 2 or f.dst == 9),
        ('host in 10.0.1.0/24', lambda f: f.src % 3 == 1 or f.dst % 3 == 1),
        ('dst_port in odd%(i)d', lambda f: None if f.proto == ICMP else f.dp in (25, 80)),
        ('not dst_port in odd%(i)d', lambda f: None if f.proto == ICMP else f.dp not in (25, 80)),
        ('(dst, dst_port) in pair%(i)d', lambda f: None if f.proto == ICMP else (f.dst, f.dp) in ((1, 80), (4, 53), (2, 443))),
        ('flags in { SYN, RST, FIN|SYN|PSH|ACK }', lambda f: None if f.proto != TCP else f.flags in (2, 4, 27)),
        ('proto in { tcp, icmp }', lambda f: f.proto != 17),
        ('packets in { 1, 3..7 }', lambda f: f.packets in (1, 3, 7)),
    ]
    before = ('set near%(i)d = { 10.0.1.0/24, 10.0.0.3, 10.0.2.5, 10.0.0.6..10.0.1.7 }\n'
              'set odd%(i)d = { 80, 20..30 }\n'
              'set pair%(i)d = { (10.0.1.1, 80), (10.0.1.4, 53), (10.0.2.2, 443) }\n')

    def __init__(self, r, flows):
        self.term = r.sample(self.TERM, r.choice([1, 2, 3]))
        self.join = r.choice(['and', 'or'])

    def text(self):
        return (' %s ' % self.join).join(t[0] for t in self.term)

    def flow(self, f):
        said = [t[1](f) is True for t in self.term]
        return ('match', None) if (all(said) if self.join == 'and' else any(said)) else None


class Limits:
    """S36: as many as a table says; the longest prefix decides."""

    def __init__(self, r, flows):
        self.agg = Agg(r)
        self.agg.by, self.agg.at, self.agg.per = r.choice([['src'], ['dst']]), None, False
        self.agg.function, self.agg.what, self.agg.step = 'count', [], None
        self.agg.window = r.choice([10, 60]) * SECOND
        self.agg.pane = max(SECOND, -(-self.agg.window // 15))
        self.agg.keep = -(-self.agg.window // self.agg.pane) + 1
        n = [r.choice([1, 2, 5, 12, 30]) for _ in range(4)]
        self.rows, self.default = dict(zip(('10.0.0.0/16', '10.0.1.0/24', '10.0.2.0/24', '10.0.1.4'), n)), n[0]
        if r.random() < 0.5:
            del self.rows['10.0.0.0/16']
            self.default = r.choice([None, 4])
        self.before = 'table t%%(i)d = { %s }%s\n' % (', '.join('%s = %d' % x for x in self.rows.items()),
                                                   '' if self.default is None else ' default %d' % self.default)
        self.number = 0

    def text(self):
        return '%s > t%%(i)d(%s)' % (self.agg.text(), self.agg.by[0])

    def flow(self, f):
        part = self.agg.fold(f)
        if part is None:
            return ('either', None)
        n = f.src if self.agg.by == ['src'] else f.dst
        limit = self.rows.get('10.0.1.4') if n == 4 else self.rows.get('10.0.%d.0/24' % (n % 3), self.default)
        v = self.agg.value(f)
        return ('match', v) if part and limit is not None and v > limit else None


class GivesWay:
    """S29: far more groups than there is room for. Which give way is not foretold, but what is called exact is."""
    lossy = True

    def __init__(self, r, flows):
        self.agg = whole_numbers(r, Agg(r))
        self.agg.per = False
        self.agg.window = r.choice([10, 60, 300]) * SECOND
        self.agg.by = r.choice([['src', 'dst', 'dst_port', 'src_port'], ['src', 'dst', 'proto'], ['dst', 'bytes']])
        self.agg.pane = max(SECOND, -(-self.agg.window // 15))
        self.agg.keep = -(-self.agg.window // self.agg.pane) + 1
        self.most = r.choice([64, 128, 512])

    def text(self):
        text = self.agg.text()
        at = text.index(') by')
        return '%s%smax_keys %d%s > 1' % (text[:at], ', ' if text[at - 1] != '(' else '', self.most, text[at:])

    def flow(self, f):
        part = self.agg.fold(f)
        if part is None:
            return ('either', None)
        v = int(self.agg.value(f)) if part else 0
        return ('match', v) if v > 1 else None


def never(f):
    return False


class Decided:
    """Conditions over two `per` windows that only their close decides, and tests of the key; flows in the order of their event times."""

    def __init__(self, r, flows):
        self.by = r.choice([['src'], ['dst', 'dst_port'], ['src', 'proto']])
        window = r.choice([30, 60]) * SECOND
        self.agg = [self.aggregate(r, window) for _ in range(2)]
        seen = [[] for _ in self.agg]
        for f in flows[:300]:
            for s, a in zip(seen, self.agg):
                a.fold(f)
                s.append(a.value(f))
        for a in self.agg:
            a.group.clear()
            a.newest.clear()
        limits = [r.choice([int(x) for x in s if x is not None] or [1]) for s in seen]
        self.expr = self.node(r, 3, limits)
        for a in self.agg:
            if a.text() not in self.expr[0]:
                a.cond = never  # nobody asks

    def aggregate(self, r, window):
        agg = whole_numbers(r, Agg(r))
        if agg.what and agg.what[0] in ('packets', 'bytes'):
            agg.function = r.choice(['sum', 'max', 'min'])
        agg.by, agg.per, agg.window, agg.pane, agg.keep = self.by, True, window, window, 1 << 40
        return agg

    def node(self, r, depth, limits):
        """(text, meaning of the two values and the key)"""
        kind = r.choice(['and', 'or', 'not', 'agg', 'agg', 'key']) if depth < 3 else r.choice(['and', 'or'])
        if depth == 0 or kind in ('agg', 'key'):
            return self.key_test(r) if kind == 'key' else self.agg_test(r, limits)
        if kind == 'not':
            text, of = self.node(r, depth - 1, limits)
            return 'not (%s)' % text, lambda v, k: {True: False, False: True, None: None}[of(v, k)]
        a, b = (self.agg_test(r, limits) if depth == 3 else self.node(r, depth - 1, limits)), self.node(r, depth - 1, limits)
        last = kind == 'or'

        def both(v, k):
            said = (a[1](v, k), b[1](v, k))
            return last if last in said else None if None in said else not last
        return '(%s %s %s)' % (a[0], kind, b[0]), both

    def agg_test(self, r, limits):
        i, equal = r.randrange(2), r.random() < 0.5
        limit = limits[i]
        return '%s %s %d' % (self.agg[i].text(), '==' if equal else '!=', limit), \
            lambda v, k: None if v[i] is None else (v[i] == limit) == equal

    def key_test(self, r):
        if self.by[-1] == 'proto':
            return 'proto == tcp', lambda v, k: k[-1] == 'tcp'
        if self.by[-1] == 'dst_port':
            return 'dst_port in { 25, 53 }', lambda v, k: k[-1] in (25, 53)
        return 'src in 10.0.1.0/24', lambda v, k: k[0].startswith('10.0.1.')

    def text(self):
        return self.expr[0]

    def tick(self, now):
        last = (now - LATENESS) // self.agg[0].pane - 1 if now is not None else 1 << 60
        groups = {key for a in self.agg for key in a.group}
        for pane in sorted({p for a in self.agg for v in a.group.values() for p, _ in v if p <= last}):
            for key in groups:
                inside = [[x for p, x in a.group.get(key, ()) if p == pane] for a in self.agg]
                if any(inside):
                    values = [summary(a.function, v, a.window) for a, v in zip(self.agg, inside)]
                    yield key, True if self.expr[1](values, key) is True else None
        for a in self.agg:
            for key in list(a.group):
                a.group[key] = [x for x in a.group[key] if x[0] > last]
                if not a.group[key]:
                    del a.group[key]

    def flow(self, f):
        part = [a.fold(f) for a in self.agg]
        return ('match', None) if any(part) and self.expr[1]([None, None], key_of(self.by, f)) is True else None
