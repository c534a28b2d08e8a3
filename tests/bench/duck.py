# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""DuckDB with the flows in a table that is loaded before anything is measured.

As a program: a line of SQL on standard input is carried out, a line of JSON answers (duck.js does the same for node).
"""
import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOAD = """create table flows as select
 (split_part(src, '.', 1)::uinteger * 16777216 + split_part(src, '.', 2)::uinteger * 65536 + split_part(src, '.', 3)::uinteger * 256
  + split_part(src, '.', 4)::uinteger)::uinteger as src,
 (split_part(dst, '.', 1)::uinteger * 16777216 + split_part(dst, '.', 2)::uinteger * 65536 + split_part(dst, '.', 3)::uinteger * 256
  + split_part(dst, '.', 4)::uinteger)::uinteger as dst,
 src_port::usmallint as src_port, dst_port::usmallint as dst_port, 
 case proto when 'tcp' then 6 when 'udp' then 17 when 'icmp' then 1 when 'gre' then 47 when 'esp' then 50 else proto::utinyint end::utinyint as proto, packets::uinteger as packets, bytes::uinteger as bytes,
 epoch("end"::timestamp)::uinteger as second
 from read_csv('{csv}', header = true, nullstr = '', all_varchar = true)"""
FIELDS = "src,dst,src_port,dst_port,proto,packets,bytes,end"


def program():
    """How to start it, or None if it is not here."""
    try:
        import duckdb  # noqa: F401
        return [sys.executable, os.path.join(HERE, "duck.py")]
    except ImportError:
        pass
    node = shutil.which("node")
    if node and subprocess.run([node, "-e", "require('@duckdb/node-api')"], capture_output=True, check=False).returncode == 0:
        return [node, os.path.join(HERE, "duck.js")]
    return None


def version(command):
    d = Duck(command)
    found = d.ask("select version()")["first"][0]
    d.close()
    return found


class Duck:
    """A running DuckDB with the table, one thread a question."""

    def __init__(self, command, csv=None):
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if csv:
            self.load = self.ask(LOAD.format(csv=csv))
            self.ask("set threads = 1")

    def ask(self, sql):
        self.child.stdin.write(" ".join(sql.split()) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        if not answer:
            raise RuntimeError("DuckDB ended: " + sql)
        return json.loads(answer)

    def time(self, sql):
        answer = self.ask(sql)
        return answer["cpu"], answer["wall"]

    def row(self, sql):
        """The first, as numbers."""
        return [int(v) for v in " ".join(self.ask(sql)["first"]).split()]

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def serve():
    import duckdb

    connection = duckdb.connect()
    for sql in sys.stdin:
        cpu, began = time.process_time(), time.perf_counter()
        rows = connection.execute(sql).fetchall()
        print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began, "rows": len(rows),
                          "first": [str(v) for v in rows[0]] if rows else []}), flush=True)


if __name__ == "__main__":
    serve()
