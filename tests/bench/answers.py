# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""What is compared must be the same: how many flows each program finds by the questions it is timed with.

flows() and network() give {question: {program: numbers}}.
"""
import json
import re
import subprocess

import rules
from inputs import text_of


PIECE = 250  # conditions: one expression cannot be of any size


def of_nfdump(command):
    return [int(n) for n in re.findall(r"total flows: (\d+)", text_of("nfdump " + command))]


def of_silk(command):
    return [int(n) for n in re.findall(r"pass\D+(\d+)", text_of("rwfilter --print-stat " + command))]


def of_rules(i, conditions, capture):
    """How many flows meet each, as `run` counts them."""
    file, told = i.rules("answers.tsn", rules.as_file(conditions)), i.path("answers.json")
    with subprocess.Popen([i.tocsin, "run", "-q", "--threads", "1", "-r", file, "--summary", told, capture], stdout=subprocess.DEVNULL) as run:
        if run.wait() != 0:
            raise RuntimeError("tocsin cannot be asked " + file)
    with open(told, encoding="utf-8") as f:
        return [rule["matches"] for rule in json.load(f)["rules"].values()]


def column(n, command):
    """Of what it prints with commas, after a head."""
    return [int(line.split(",")[n]) for line in text_of(command).splitlines()[1:] if line.count(",") >= n]


def asked(i, **programs):
    """The programs that are here, asked."""
    here = {"tocsin": True, **i.here, "DuckDB": i.duck}
    return {name: ask() for name, ask in programs.items() if here[name]}


def flows(i):
    return {"flows to port 25": asked(
        i, tocsin=lambda: of_rules(i, ["dst_port == 25"], i.whole()),
        nfdump=lambda: of_nfdump(f"-R {i.nfcapd(f'flows-{i.flows}', i.whole())} -o null 'dst port 25'"),
        SiLK=lambda: of_silk("--dport=25 " + i.silk(i.flows)),
        DuckDB=lambda: i.duck.row("select count(*) from flows where dst_port = 25"))}


def network(i):
    """Many rules on a part of the flows: nfdump takes minutes for all."""
    whole, part, popular, other = i.network(), i.network(i.part_flows), rules.popular(100), rules.other(1000)

    def met(conditions, capture, flows, sql=None):
        pieces = [conditions[k:k + PIECE] for k in range(0, len(conditions), PIECE)]
        found = asked(i, tocsin=lambda: of_rules(i, [" or ".join(f"({c})" for c in piece) for piece in pieces], capture),
                      nfdump=lambda: [n for piece in pieces for n in of_nfdump(f"-R {i.network_stored(flows)} -o null -f "
                                                                              + i.rules("answers.nfdump", rules.or_nfdump(piece)))])
        return found if sql is None else {**found, **asked(i, DuckDB=lambda: i.duck.row("select count(*) from flows " + sql))}

    def largest(key, tocsin="", nfdump="", sql=""):
        return asked(i, tocsin=lambda: column(1, f"{i.tocsin} top -q --by {key} --of flows -n 20 --format csv {tocsin} {whole}"),
                     nfdump=lambda: column(5, f"nfdump -R {i.network_stored(i.flows)} -q -s {key}ip/flows -n 20 -o csv {nfdump}"),
                     DuckDB=lambda: i.duck.row("select string_agg(n, ' ' order by n desc) from (select count(*) n from flows "
                                               f"{sql} group by {key} order by n desc limit 20)"))

    return {
        "flows": met(["bytes > 0"], whole, i.flows, ""),
        "flows, pcapng": asked(i, tocsin=lambda: of_rules(i, ["bytes > 0"], i.network_pcapng()), nfdump=lambda: [i.flows]),
        "flows to port 25": met(["dst_port == 25"], whole, i.flows, "where dst_port = 25"),
        "flows that each of the 100 rules meets": asked(i, tocsin=lambda: of_rules(i, popular, whole), DuckDB=lambda: i.duck.row(rules.counts_sql(popular))),
        "flows that one of the 100 rules meets": met(popular, part, i.part_flows),
        "flows that one of the 1,000 rules meets": met(other, part, i.part_flows),
        "flows of the 20 largest sources to port 25": largest("src", "--where 'dst_port == 25'", "'dst port 25'", "where dst_port = 25"),
        "flows of the 20 largest destinations": largest("dst"),
    }


def differ(answer):
    """Whether two programs count otherwise."""
    told = list(answer.values())
    return any(t != told[0] for t in told)


def lines(found):
    for question, answer in found.items():
        told = ", ".join(f"{k} {sum(v) if v else 'nothing'}" + (f" in {len(v)}" if len(v) > 1 else "") for k, v in answer.items())
        yield f"{question}: {told}" + ("  THEY DIFFER" if differ(answer) else "")
