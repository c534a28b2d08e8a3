# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""What is measured: lanes, and what is read from programs that measure themselves. targets.py judges the results by their names."""
import re
import subprocess

import rules
from inputs import START, text_of
from race import Lane


def lanes_of_flows(i):
    """Everything over the one workload: all of these race in one run."""
    whole, part, start, t = i.whole(), i.part(), i.start(), i.tocsin
    lanes = [Lane("dd", "reading the capture, dd", i.flows, f"dd if={whole} bs=64k status=none")]

    def tocsin(name, label, options, capture=whole, flows=i.flows):
        lanes.append(Lane(name, "tocsin, " + label, flows, f"{t} {options} {capture}", start=f"{t} {options} {start}"))

    def run(name, label, text, **more):
        tocsin(name, label, f"run -q --threads 1 -r {i.rules(name + '.tsn', text)}", **more)

    tocsin("decode", "decode alone", "show -q --count")
    tocsin("filter", "dst_port == 25", "show -q --count --where 'dst_port == 25'")
    run("three100", "100 three-part rules, each told", rules.as_file(rules.three_tsn(100)))
    run("three1000", "1,000 three-part rules, each told", rules.as_file(rules.three_tsn(1000)))
    for n in (1, 10, 100, 1000, 10000):
        run(f"mixed{n}", f"{n:,} mixed rules", rules.as_file(rules.mixed(n)))
    run("hot10000", "10,000 rules, a quarter on three hot ports", rules.as_file(rules.hot(10000)))
    run("mail", "count(dst_port == 25) by src over 60s", rules.as_file([rules.COUNT_MAIL]))
    run("count", "count() by src over 60s", rules.as_file([rules.COUNT_ALL]))
    run("distinct", "distinct(dst) by src over 60s", rules.as_file([rules.DISTINCT]))
    run("pair", "conversations, for one rule", rules.as_file([rules.PAIR]))
    run("whole", "100 mixed rules and both counts", rules.many(100, rules.COUNT_MAIL, rules.COUNT_ALL))
    for name, label in (("whole", "100 mixed rules and both counts"), ("count", "count() by src over 60s"), ("three1000", "1,000 three-part rules")):
        two = f"run -q --threads 2 -r {i.path(name + '.tsn')}"
        tocsin(name + "@2", label + ", 2 threads", two)
    tocsin("top", "top by src", "top -q --by src --of flows")
    for n in (n for n in (1000000, 10000000) if n <= 2 * i.flows):
        capture, flows = i.sources(n)
        run(f"keys{n}", f"count() by src over 60s, {n // 1000000} million sources", rules.as_file([rules.COUNT_ALL]), capture=capture, flows=flows)
    return lanes + nfdump(i, whole, part) + silk(i) + flow_tools(i) + duckdb(i)


def nfdump(i, whole, part):
    if not i.here["nfdump"]:
        return []
    whole, part = i.nfcapd(f"flows-{i.flows}", whole), i.nfcapd(f"netflow5-{i.part_flows}", part)
    filters = {n: i.rules(f"or{n}.nfdump", rules.or_nfdump(rules.three_tsn(n))) for n in (100, 1000)}
    passes = "; ".join(f"nfdump -R {part} -o null '{f}'" for f in rules.nfdump(rules.three_tsn(100)))
    return [
        Lane("nfdump.read", "nfdump, read only", i.flows, f"nfdump -R {whole} -o null any"),
        Lane("nfdump.filter", "nfdump, dst port 25", i.flows, f"nfdump -R {whole} -o null 'dst port 25'"),
        Lane("nfdump.three100", "nfdump, OR of the 100", i.part_flows, f"nfdump -R {part} -o null -f {filters[100]}"),
        Lane("nfdump.three1000", "nfdump, OR of the 1,000", i.part_flows, f"nfdump -R {part} -o null -f {filters[1000]}", rounds=2),
        Lane("nfdump.passes100", "nfdump, run 100 times", i.part_flows, passes, rounds=2),
        Lane("nfdump.mail", "nfdump, -s srcip/flows 'dst port 25'", i.flows, f"nfdump -R {whole} -q -s srcip/flows -n 20 'dst port 25'"),
        Lane("nfdump.count", "nfdump, -s srcip/flows", i.flows, f"nfdump -R {whole} -q -s srcip/flows -n 20"),
    ]


def silk(i):
    if not i.here["SiLK"]:
        return []
    f = i.silk(i.flows)
    by_minute = "rwuniq --fields=sip,stime --bin-time=60 --flows=200"
    passes = "; ".join(f"rwfilter --proto=6 --dport={port} --packets={k + 1}- --print-stat {f}" for port, k in map(rules.three, range(10)))
    return [
        Lane("silk.read", "SiLK, rwfilter, read only", i.flows, f"rwfilter --proto=0-255 --print-stat {f}"),
        Lane("silk.filter", "SiLK, rwfilter --dport=25", i.flows, f"rwfilter --dport=25 --print-stat {f}"),
        Lane("silk.passes10", "SiLK, rwfilter run 10 times", i.flows, passes, rounds=2),
        Lane("silk.mail", "SiLK, rwfilter --dport=25 | rwuniq by sip and minute", i.flows, f"rwfilter --dport=25 --pass=- {f} | {by_minute}"),
        Lane("silk.count", "SiLK, rwuniq by sip and minute", i.flows, f"{by_minute} {f}"),
    ]


def flow_tools(i):
    if not i.here["flow-tools"]:
        return []
    d, port = i.flow_tools(i.flows), "filter-primitive p\n type ip-port\n permit 25\nfilter-definition f\n match ip-destination-port p\n"
    return [
        Lane("flow-tools.read", "flow-tools, flow-cat", i.flows, f"flow-cat {d}"),
        Lane("flow-tools.filter", "flow-tools, flow-nfilter port 25", i.flows,
             f"flow-cat {d} | flow-nfilter -f {i.rules('flow-tools.filter', port)} -F f"),
        Lane("flow-tools.count", "flow-tools, flow-stat by source", i.flows, f"flow-cat {d} | flow-stat -f9"),
    ]


def duckdb(i):
    """The table is in memory already: what these take without the loading is what they are compared by."""
    if not i.duck:
        return []
    by = "from flows {where} group by src, second // 60 having {what} > {least}"
    asked = {
        "filter": ("dst_port = 25", "select count(*) from flows where dst_port = 25"),
        "three100": ("100 counts with filters", rules.counts_sql(rules.three_tsn(100))),
        "mail": ("port 25 by src and minute", "select src, count(*) " + by.format(where="where dst_port = 25", what="count(*)", least=200)),
        "count": ("by src and minute", "select src, count(*) " + by.format(where="", what="count(*)", least=1000000)),
        "distinct": ("approx_count_distinct(dst) by src and minute",
                     "select src, approx_count_distinct(dst) " + by.format(where="", what="approx_count_distinct(dst)", least=1000000)),
    }
    return [Lane("duckdb." + name, "DuckDB, loaded before: " + label, i.flows, ask=lambda sql=sql: i.duck.time(sql))
            for name, (label, sql) in asked.items()]


def lanes_of_network(i):
    """Another network, its flows sent otherwise, other rules and keys: what is fast must not be so for the flows above alone."""
    lanes, popular, other = [], rules.popular(100), rules.other(10000)

    def ask(name, label, options, nfdump=None, sql=None, capture=i.network(), flows=i.flows):
        """The peers that can be asked the same; nfdump of [flows]."""
        command = f"{i.tocsin} {options}"
        lanes.append(Lane("network." + name, "network: tocsin, " + label, i.flows, f"{command} {capture}", start=f"{command} {i.network(START)}"))
        if nfdump and i.here["nfdump"]:
            lanes.append(Lane("network.nfdump." + name, "network: nfdump, " + label, flows, f"nfdump -R {i.network_stored(flows)} {nfdump}",
                              rounds=2 if name == "other1000" else 99))
        if sql and i.duck:
            lanes.append(Lane("network.duckdb." + name, "network: DuckDB, loaded before, " + label, i.flows, ask=lambda: i.duck.time(sql)))

    def run(name, label, conditions, *peers, **more):
        ask(name, label, f"run -q --threads 1 -r {i.rules(f'network-{name}.tsn', rules.as_file(conditions))}", *peers, **more)

    def either(name, conditions):
        return "-o null -f " + i.rules(f"network-{name}.nfdump", rules.or_nfdump(conditions))

    def minutes(key, what, least, where=""):
        return f"select {key}, {what} from flows {where} group by {key}, second // 60 having {what} > {least}"

    ask("decode", "decode alone", "show -q --count", "-o null any")
    ask("pcapng", "decode alone, pcapng", "show -q --count", capture=i.network_pcapng())
    ask("filter", "dst_port == 25", "show -q --count --where 'dst_port == 25'", "-o null 'dst port 25'", "select count(*) from flows where dst_port = 25")
    run("popular100", "100 rules on popular ports", popular, either("popular100", popular), rules.counts_sql(popular), flows=i.part_flows)
    run("other10", "10 rules of other kinds", other[:10])
    run("other1000", "1,000 rules of other kinds", other[:1000], either("other1000", other[:1000]), flows=i.part_flows)
    run("other10000", "10,000 rules of other kinds", other)
    run("mail", "count(dst_port == 25) by src over 60s", [rules.COUNT_MAIL], "-q -s srcip/flows -n 20 'dst port 25'",
        minutes("src", "count(*)", 200, "where dst_port = 25"))
    run("count", "count() by dst over 60s", [rules.COUNT_TO], "-q -s dstip/flows -n 20", minutes("dst", "count(*)", 1000000))
    run("distinct", "distinct(src) by dst over 60s", [rules.DISTINCT_TO], None, minutes("dst", "approx_count_distinct(src)", 1000000))
    return lanes


def lanes_of_formats(i):
    """The same flows in every format that is read."""
    files = {n: i.nfcapd(f"netflow5-{i.part_flows}", i.part(), n) for n in ("none", "lzo", "lz4", "bz2")} if i.here["nfdump"] else {}
    named = {"none": "its file", "lzo": "its file, LZO", "lz4": "its file, LZ4", "bz2": "its file, bzip2"}
    lanes = [Lane("nfdump.file." + n, "nfdump, " + named[n], i.part_flows, f"nfdump -R {f} -o null any", rounds=1 if n == "bz2" else 99)
             for n, f in files.items()]
    read = [("file." + n, "nfdump's " + named[n][4:], f) for n, f in files.items()]
    read += [("v5", "NetFlow v5", i.part()), ("v9", "NetFlow v9", i.part("9")), ("ipfix", "IPFIX", i.part("10")), ("sflow", "sFlow v5", i.part("0")),
             ("v9.ipv6", "NetFlow v9, 30 % IPv6", i.capture("v9ipv6", i.part_flows, "--netflow 9 --ipv6 30")),
             ("packets", "packets metered", i.packets()), ("csv", "CSV", i.csv(f"flows-{i.part_flows}", i.part()))]
    return lanes + [Lane("format." + n, "tocsin, " + label, i.part_flows, f"{i.tocsin} show -q --count {f}", rounds=1 if n == "file.bz2" else 99)
                    for n, label, f in read]


# --- what measures itself ---


def programs(i, short):
    """Updates of windows and conversations without a file around them: ns each, the median of the program's own passes."""
    found = {}
    for line in text_of(f"{i.build}/bench_state {2 if short else 4} 'count by src over 60s'").splitlines()[1:]:
        m = re.match(r"count by src over 60s +(\d+) +([0-9.]+)", line)
        if m:
            found["update." + m[1]] = float(m[2])
    m = re.search(r"^20 k flows/s +([0-9.]+) ns", text_of(f"{i.build}/bench_pair {1 if short else 4}"), re.M)
    if m:
        found["pairing"] = float(m[1])
    return found


def memory(i):
    """Bytes a group of a count over 16 panes with an IPv4 key: all arrays as they are allocated."""
    rule, capture = i.rules("count.tsn", rules.as_file([rules.COUNT_ALL])), i.sources(min(1000000, i.flows))[0]
    m = re.search(r"(\d+) groups, (\d+) bytes each", text_of(f"{i.tocsin} run -v --threads 1 -r {rule} {capture} 2>&1 > /dev/null"))
    return {"groups": int(m[1]), "group_bytes": int(m[2])} if m else {}


def compile_rules(i, rounds):
    """CPU seconds until 10,000 rules are ready, and by the clock."""
    lane = Lane("compile", "compile 10,000 mixed rules", 10000, f"{i.tocsin} check -q -r {i.path('mixed10000.tsn')}")
    for _ in range(rounds):
        lane.run()
    done = lane.result()
    return {"compile_s": done["ns"] * 10000 / 1e9, "compile_wall_s": done["wall"] * 10000 / 1e9, "compile_failed": done["failed"]}


def live(i):
    """live.sh, whose lines are also read here: datagrams a second without loss, and us a datagram at the highest rate."""
    rule = i.rules("live.tsn", rules.as_file(rules.three_tsn(100) + [rules.COUNT_MAIL]))
    text = text_of(f"bash tests/bench/live.sh {i.build} {rule} {i.whole()} {i.part('9')} {i.part('10')} {i.part('0')} 2> /dev/null")
    found = {"text": text}
    rows = re.findall(r"^ +(\d+) +([0-9.]+) % ([0-9.]+) us +([0-9.]+) % ([0-9.]+) us +([0-9.]+) % ([0-9.]+) us", text, re.M)
    if rows:
        last = rows[-1]
        found.update(sent=int(last[0]), bare_lost=float(last[1]), bare_us=float(last[2]), lost=float(last[3]), us=float(last[4]),
                     nfcapd_lost=float(last[5]), nfcapd_us=float(last[6]))
    m = re.search(r"highest rate without loss: bare (\d+), tocsin (\d+), nfcapd (\d+)", text)
    if m:
        found.update(best_bare=int(m[1]), best=int(m[2]), best_nfcapd=int(m[3]))
    return found
