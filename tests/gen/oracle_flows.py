# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""Random flows for oracle.py, what their fields mean in conditions and keys, and aggregates over them row by row."""
import math
from collections import Counter, defaultdict


T0 = 1767571200000  # 2026-01-05 00:00:00 UTC
SECOND = 1000
LATENESS = 30 * SECOND
TCP, UDP, ICMP = 6, 17, 1
MAP = ('src=s,dst=d,src_port=sp,dst_port=dp,proto=pr,flags=fl,packets=pk,bytes=by,start=st:ms,end=en:ms,exporter=ex,'
       'src_as=id,received=rc:ms,exported=xp:ms')


# --- flows ---

class Flow:
    def __init__(self, **kw):
        self.__dict__.update(kw)

    def time(self):
        """S1: moment received - (export time - end), the age held to 0..1 h."""
        return self.received - min(max(self.exported - self.end, 0), 3600 * SECOND)


def make_flows(r, n, calm):
    """[calm]: in the order of their event times, for functions whose definition leaves the rest open."""
    skew = [0, -90 * SECOND, 45 * SECOND]
    now, flows = T0 + r.randrange(100000), []
    hosts = r.choice([4, 8, 14])
    mean = r.choice([60, 250, 900])
    for i in range(n):
        now += int(r.expovariate(1 / mean))
        if r.random() < 0.003:
            now += r.choice([5, 40, 70, 200, 700]) * SECOND
        if r.random() < 0.0004:
            now += r.choice([2, 30]) * 3600 * SECOND
        if flows and r.random() < 0.03:
            f = Flow(**flows[-1].__dict__)
            f.received, f.exporter = now, r.randrange(3)
            f.exported = now + skew[f.exporter] - 1
            if calm:
                f.end = f.exported = f.exported + 1
        else:
            proto = r.choice([TCP, TCP, TCP, UDP, UDP, ICMP])
            x = r.randrange(3)
            age = 0 if calm else r.choice([0, 50, 400, 1500, 3000, 3000, 9000, 25000])
            if not calm and r.random() < 0.02:
                age = r.choice([-5000, 40000, 70000, 130000, 4000000])
            exported = now + skew[x] - (0 if calm else r.randrange(300))
            end = exported - age
            packets = r.choice([1, 1, 2, 3, 7, 50])
            f = Flow(src=r.randrange(hosts), dst=r.randrange(hosts), sp=r.choice([1000, 1001, 2000]),
                     dp=r.choice([25, 53, 80, 443]), proto=proto, flags=r.choice([2, 2, 16, 18, 4, 27]), packets=packets,
                     bytes=packets * r.randrange(40, 1500), end=end,
                     start=end - r.choice([0, 0, 0, 10, 800, 5000, r.randrange(100000)]), exporter=x, exported=exported,
                     received=now)
        f.id = i + 1
        f.t = f.time()
        flows.append(f)
    return flows


def address(n):
    return '10.0.%d.%d' % (n % 3, n)


def write_flows(path, flows):
    with open(path, 'w') as out:
        out.write('s,d,sp,dp,pr,fl,pk,by,st,en,ex,id,rc,xp\n')
        for f in flows:
            ports = (f.sp, f.dp) if f.proto != ICMP else ('', '')
            out.write('%s,%s,%s,%s,%d,%s,%d,%d,%d,%d,192.0.2.%d,%d,%d,%d\n' % (
                address(f.src), address(f.dst), *ports, f.proto, f.flags if f.proto == TCP else '', f.packets, f.bytes,
                f.start, f.end, f.exporter + 1, f.id, f.received, f.exported))


# --- fields, conditions, keys: text and meaning; None is absent ---

FIELD = {
    'src': lambda f: address(f.src), 'dst': lambda f: address(f.dst),
    'src/24': lambda f: '10.0.%d.0/24' % (f.src % 3), 'dst/24': lambda f: '10.0.%d.0/24' % (f.dst % 3),
    'src_port': lambda f: f.sp if f.proto != ICMP else None, 'dst_port': lambda f: f.dp if f.proto != ICMP else None,
    'proto': lambda f: {TCP: 'tcp', UDP: 'udp', ICMP: 'icmp'}[f.proto], 'exporter': lambda f: '192.0.2.%d' % (f.exporter + 1),
    'packets': lambda f: f.packets, 'bytes': lambda f: f.bytes, 'duration': lambda f: f.end - f.start,
    'bytes / packets': lambda f: f.bytes / f.packets, 'bytes - 3000': lambda f: f.bytes - 3000,
    'bytes / (packets - 1)': lambda f: f.bytes / (f.packets - 1) if f.packets != 1 else None,
}


def flags(f):
    return f.flags if f.proto == TCP else None


def unknown_or(x, test):
    return None if x is None else test(x)


CONDITION = [
    ('', lambda f: True),
    ('', lambda f: True),
    ('proto == tcp', lambda f: f.proto == TCP),
    ('dst_port == 80', lambda f: unknown_or(FIELD['dst_port'](f), lambda p: p == 80)),
    ('not dst_port == 80', lambda f: unknown_or(FIELD['dst_port'](f), lambda p: p != 80)),
    ('flags == SYN', lambda f: unknown_or(flags(f), lambda x: x == 2)),
    ('flags has ACK', lambda f: unknown_or(flags(f), lambda x: x & 16 != 0)),
    ('packets > 1 or flags != SYN', lambda f: f.packets > 1 or unknown_or(flags(f), lambda x: x != 2)),
]


def key_of(fields, f):
    k = tuple(FIELD[x](f) for x in fields)
    return None if None in k else k


# --- aggregates ---

def deviation(v):
    mean = math.fsum(v) / len(v)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in v) / len(v))


def information(v):
    n = len(v)
    return -math.fsum(c / n * math.log2(c / n) for c in Counter(v).values()) if n else None


class Agg:
    def __init__(self, r, flows_in_order=False):
        self.function = r.choice(['count', 'count', 'sum', 'avg', 'min', 'max', 'rate', 'distinct', 'stddev', 'entropy'])
        self.cond_text, self.cond = r.choice(CONDITION)
        self.by = r.choice([['src'], ['dst'], ['src', 'dst'], ['src/24'], ['dst', 'dst_port'], ['exporter', 'proto'], []])
        self.at = None
        if self.by in (['src'], ['dst'], ['src/24']) and r.random() < 0.25:
            self.at = {'src': ['dst'], 'dst': ['src'], 'src/24': ['dst/24']}[self.by[0]]
        self.per = r.random() < 0.3
        self.window = r.choice([7, 10, 30, 60, 300]) * SECOND
        self.step = r.choice([None, None, None, self.window // 3 // SECOND * SECOND or SECOND])
        if self.per:
            self.step = None
        if self.function in ('distinct', 'entropy'):
            self.what = r.choice([['dst'], ['dst_port'], ['src_port', 'dst_port'], ['src']])
            if self.function == 'entropy':
                self.what = self.what[:1]
        elif self.function != 'count':
            self.what = [r.choice(['packets', 'bytes', 'bytes / packets', 'bytes - 3000', 'bytes / (packets - 1)'])]
        else:
            self.what = []
        self.pane = self.window if self.per else max(SECOND, -(-self.window // 15), self.step or 0)
        self.keep = 2 if self.per else -(-self.window // self.pane) + 1
        self.group = defaultdict(list)  # key: (pane, value) of each flow counted
        self.newest = {}

    def text(self):
        inside = ', '.join(self.what)
        if self.cond_text:
            inside = self.cond_text if self.function == 'count' else inside + ' where ' + self.cond_text
        scope = (' by ' + ', '.join(self.by) if self.by else '') + (' at ' + ', '.join(self.at) if self.at else '')
        return '%s(%s)%s %s %ds%s' % (self.function, inside, scope, 'per' if self.per else 'over', self.window // SECOND,
                                      ' step %ds' % (self.step // SECOND) if self.step else '')

    def fold(self, f):
        """Counts the flow; did it? None: it was late."""
        key = key_of(self.by, f)
        if key is None or self.cond(f) is not True:
            return False
        value = tuple(FIELD[w](f) for w in self.what)
        pane = f.t // self.pane
        newest = max(self.newest.get(key, pane), pane)
        if pane + self.keep <= newest:
            return None
        if None in value:
            return False
        self.newest[key] = newest
        if self.function in ('sum', 'rate') and f.end - f.start > self.window:  # S26
            share = value[0] * self.window / (f.end - f.start)
            value = (share if isinstance(value[0], float) else math.floor(share),)
        self.group[key].append((pane, value))
        return True

    def value(self, f):
        key = key_of(self.at or self.by, f)
        if key is None:
            return None
        if self.per:
            now = f.t // self.pane  # its own window, if that is the newest of the group or the one before
            v = [x for pane, x in self.group[key] if pane == now and pane + self.keep > self.newest[key]]
        else:
            now = max(self.newest.get(key, 0), f.t // self.pane)  # reading moves no clock
            v = [x for pane, x in self.group[key] if pane + self.keep > now]
            self.group[key] = [x for x in self.group[key] if x[0] + self.keep > self.newest[key]]
        return summary(self.function, v, self.window)


def summary(function, v, window):
    """What [function] says of the tuples [v]; None: unknown."""
    if function == 'count':
        return len(v)
    if function == 'distinct':
        return len(set(v))
    if function == 'entropy':
        return information(v)
    v = [x[0] for x in v]
    if function in ('sum', 'rate'):
        return math.fsum(v) / (window / SECOND if function == 'rate' else 1)
    if not v:
        return None
    return {'avg': lambda: math.fsum(v) / len(v), 'min': lambda: min(v), 'max': lambda: max(v),
            'stddev': lambda: deviation(v)}[function]()


def near(a, b):
    return abs(a - b) <= 1e-6 * max(1, abs(a), abs(b))
