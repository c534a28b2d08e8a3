# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""The flows that are measured, in each program's own files, and who of the peers is here."""
import datetime
import os
import platform
import re
import shutil
import subprocess

import duck

HOSTS = "--hosts 200000 --zipf 0.9,1.05 --rate 20000 --seed 1"
# A network that nothing was tuned on: other hosts, services and skew, and seven exporters behind VLANs, out of turn, of smaller datagrams.
NETWORK = ("--hosts 400000 --zipf 0.7,1.2 --rate 30000 --seed 7 --network 172.16.0.0/12"
           " --ports 443,443,443,443,443,443,53u,53u,53u,53u,80,80,80,25,123u,22,993,8080,3306,5222")
SENT = "--exporters 7 --irregular --records 24 --vlan"
PACKED = {"none": ("", 20000), "lzo": ("-z", 20000), "lz4": ("-y", 20000), "bz2": ("-j", 3000)}
START = 30  # flows of the capture that shows what a process takes before its first flow


def text_of(command):
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


class Inputs:
    """[flows] of the workload, and a tenth of it for what is slow. Files are kept in BUILD/bench and made once."""

    def __init__(self, build, flows, say):
        self.build, self.flows, self.say = build, flows, say
        self.part_flows = max(flows // 10, 1000)
        self.work = os.path.join(build, "bench")
        self.tocsin = os.path.join(build, "tocsin")
        self.here = {"nfdump": bool(shutil.which("nfdump")), "SiLK": all(map(shutil.which, ("rwfilter", "rwuniq", "rwpdu2silk"))),
                     "flow-tools": all(map(shutil.which, ("flow-capture", "flow-cat", "flow-nfilter", "flow-stat")))}
        self.duck, self.duck_command = None, duck.program()
        self.here["DuckDB"] = bool(self.duck_command)
        os.makedirs(self.work, exist_ok=True)

    def path(self, name):
        return os.path.join(self.work, name)

    def once(self, name, make):
        """The file or directory, made under another name first, so that half of one is never taken for it."""
        path = self.path(name)
        if not os.path.exists(path):
            self.say(f"making {name}...")
            shutil.rmtree(path + ".part", ignore_errors=True)
            make = make.replace("OUT", path + ".part")
            if subprocess.run(["bash", "-c", make], stdout=subprocess.DEVNULL, check=False).returncode != 0:
                raise RuntimeError("failed: " + make)
            os.rename(path + ".part", path)
        return path

    def capture(self, name, flows, options=HOSTS):
        return self.once(f"{name}-{flows}.pcap", f"{self.build}/flowgen --flows {flows} {options} --out OUT")

    def whole(self):
        return self.capture("flows", self.flows)

    def part(self, netflow="5"):
        return self.capture(f"netflow{netflow}", self.part_flows, f"{HOSTS} --netflow {netflow}")

    def network(self, flows=None):
        return self.capture("network", flows or self.flows, f"{NETWORK} {SENT}")

    def network_pcapng(self):
        return self.capture("pcapng", self.flows, f"{NETWORK} {SENT} --pcapng")

    def network_stored(self, flows):
        return self.nfcapd(f"network-{flows}", self.network(flows))

    def packets(self):
        return self.capture("packets", self.part_flows, HOSTS + " --packets")

    def start(self):
        return self.capture("start", START)

    def sources(self, n):
        """Each of [n] sources at least once, all within a minute; twice as many flows as sources, or as many as ever."""
        flows = max(self.flows, 2 * n)
        return self.capture(f"sources{n}", flows, f"--sources {n} --hosts 200000 --rate {flows // 50 + 1} --seed 2"), flows

    def nfcapd(self, name, capture, packed="none"):
        """More slowly if the collector, which says so, missed some."""
        option, rate = PACKED[packed]
        tries = " || ".join(f"PACK={option} RATE={r} bash tests/gen/to_nfcapd.sh {self.build}/replay {capture} OUT" for r in (rate, rate // 4))
        return self.once(f"nfcapd-{name}-{packed}", tries)

    def silk(self, flows):
        raw = f"{self.build}/flowgen --flows {flows} {HOSTS} --raw --out"
        return self.once(f"silk-{flows}.rw", f"{raw} OUT.raw && rwpdu2silk --compression-method=none --silk-output=OUT OUT.raw; rm OUT.raw")

    def flow_tools(self, flows):
        capture, port = self.capture("flows", flows), 20000 + os.getpid() % 20000
        return self.once(f"flow-tools-{flows}", f"mkdir OUT; flow-capture -D -w OUT -n 0 -V5 -z0 127.0.0.1/127.0.0.1/{port} & sleep 1; "
                         f"{self.build}/replay {capture} {port} 20000; sleep 1; kill %1; wait")

    def csv(self, name, capture, options=""):
        return self.once(f"{name}.csv", f"{self.tocsin} show -q --format csv {options} {capture} > OUT")

    def rules(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def start_duck(self, name, capture):
        if self.duck_command:
            csv = self.csv(f"duck-{name}{self.flows}", capture, "--fields " + duck.FIELDS)
            self.say("loading DuckDB's table...")
            self.duck = duck.Duck(self.duck_command, csv)

    def stop_duck(self):
        if self.duck:
            self.duck.close()
        self.duck = None


def settle(commands):
    """Reads anew what [commands] name. Where root runs this, the page cache is emptied and memory compacted before: on a machine
    that has worked for hours pages lie scattered, and reading them alone takes five times as long. Says what was done."""
    done = "page cache warm"
    try:
        os.sync()
        for knob, value in (("drop_caches", "3"), ("compact_memory", "1")):
            with open(f"/proc/sys/vm/{knob}", "w", encoding="ascii") as f:
                f.write(value)
        done += ", filled anew after memory was compacted"
    except OSError:
        done += ", as found: only root can have it filled anew, and what lies scattered is read more slowly"
    for path in sorted({word for command in commands for word in command.replace("'", " ").split() if os.path.exists(word)}):
        for name in [path] if os.path.isfile(path) else [os.path.join(at, f) for at, _, files in os.walk(path) for f in files]:
            with open(name, "rb", buffering=0) as f:
                while f.read(1 << 20):
                    pass
    return done


def bytes_of(path):
    return int(text_of(f"du -sb {path} | cut -f1"))


def versions(inputs):
    """Of everything that is measured."""
    found = {"tocsin": text_of(f"{inputs.tocsin} version | sed -n '1s/^tocsin //p'"), "gcc": text_of("gcc -dumpfullversion")}
    commit = text_of("git rev-parse --short HEAD 2>/dev/null")
    if re.fullmatch("[0-9a-f]+", commit):
        found["tocsin"] += f" ({commit})"
    if inputs.here["nfdump"]:
        found["nfdump"] = re.sub("^nfdump: Version: ", "", text_of("nfdump -V | head -1"))
    if inputs.here["SiLK"]:
        found["SiLK"] = text_of("rwfilter --version | head -1")
    if inputs.here["flow-tools"]:
        found["flow-tools"] = text_of("flow-cat -h 2>&1 | head -1")
    if inputs.duck_command:
        found["DuckDB"] = duck.version(inputs.duck_command)
    return found


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = f.read()
    flags = set(re.search("^flags.*", cpu, re.M).group().split()) if re.search("^flags", cpu, re.M) else set()
    return {
        "cpu": (re.findall("^model name.*: (.*)", cpu, re.M) or [platform.machine()])[0],
        "vectors": "AVX-512" if "avx512bw" in flags else "AVX2" if "avx2" in flags else "plain",
        "cores": os.cpu_count(), "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": platform.system() + " " + platform.release(), "load": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }
