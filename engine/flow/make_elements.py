#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Tocsin authors
"""
Makes engine/flow/elements.def, the table of Information Elements, from public registries:

    engine/flow/make_elements.py REGISTRIES > engine/flow/elements.def

REGISTRIES is a directory with IANA's ipfix-information-elements.csv, tables of the same columns by others, the
element files of libfds (libfds/*.xml) and ntop-35632.csv. Only facts are taken: numbers, names and data types.
Where two sources tell one element differently the first read wins: IANA, then who follows it, then the vendors.
"""
import csv
import glob
import os
import sys
import xml.etree.ElementTree as xml

# RFC 7011 section 6.1, RFC 6313 section 4.5; what is not here is UNSIGNED
TYPES = {
    "signed8": "SIGNED", "signed16": "SIGNED", "signed32": "SIGNED", "signed64": "SIGNED",
    "float32": "FLOAT", "float64": "FLOAT", "boolean": "BOOLEAN", "macaddress": "MAC", "string": "STRING",
    "octetarray": "OCTETS", "hex": "OCTETS", "ipv4address": "IPV4", "ipv6address": "IPV6",
    "datetimeseconds": "SECONDS", "datetimemilliseconds": "MILLISECONDS",
    "datetimemicroseconds": "MICROSECONDS", "datetimenanoseconds": "NANOSECONDS",
    "basiclist": "BASIC_LIST", "subtemplatelist": "SUB_TEMPLATE_LIST",
    "subtemplatemultilist": "SUB_TEMPLATE_MULTI_LIST",
}
# Fields of nProbe's plugins, which its table of base fields leaves out (ntop, "nProbe Flow Information Elements").
NTOP_PLUGINS = {
    180: ("http_url", "STRING"), 181: ("http_ret_code", "UNSIGNED"), 182: ("http_referer", "STRING"),
    183: ("http_ua", "STRING"), 184: ("http_mime", "STRING"), 187: ("http_host", "STRING"),
    205: ("dns_query", "STRING"), 206: ("dns_query_id", "UNSIGNED"), 207: ("dns_query_type", "UNSIGNED"),
    208: ("dns_ret_code", "UNSIGNED"), 209: ("dns_num_answers", "UNSIGNED"), 352: ("dns_ttl_answer", "UNSIGNED"),
    360: ("http_method", "STRING"), 361: ("http_site", "STRING"),
}
# Types of NetFlow v9 that IANA only reserves ("Assigned for NetFlow v9 compatibility"); Cisco, "NetFlow Version 9
# Flow-Record Format", table 6.
NETFLOW_9 = {
    34: "samplingInterval", 35: "samplingAlgorithm", 38: "engineType", 39: "engineId", 48: "samplerId",
    49: "samplerMode", 50: "samplerRandomInterval", 51: "classId",
}
# Palo Alto Networks, "NetFlow Templates": of PAN-OS, in NetFlow v9.
PAN_OS = {56701: "panAppId", 56702: "panUserId"}
NTOP, CERT, REVERSE, NTOP_V9 = 35632, 6871, 29305, 57472
V9_PENS = {4294967294: 0, 4294967295: 32768}  # libfds: stands for types of v9, from this number on

table = {}


def add(pen, number, name, kind):
    name = name.strip()
    if name and number <= 65535 and all(c.isalnum() or c in "_-" for c in name):
        table.setdefault((pen, number), (name, kind))


def kind_of(word):
    return TYPES.get(word.strip().lower(), "UNSIGNED")


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as f:
        rows = csv.reader(f)
        head = next(rows)
        pen_at = head.index("Enterprise ID") if "Enterprise ID" in head else -1
        for row in rows:
            if row and row[0].isdigit():
                pen = int(row[pen_at]) if pen_at >= 0 else 0
                words = [w.strip() for w in row[2:4]]  # some rows have the type one column late
                word = next((w for w in words if w.lower() in TYPES or w.startswith("unsigned")), "")
                if word:
                    add(pen, int(row[0]), row[1], kind_of(word))


def read_xml(path):
    root = xml.parse(path).getroot()
    if root.tag != "ipfix-elements":
        return
    pen = int(root.find("scope").findtext("pen"))
    for e in root.iter("element"):
        number, name = int(e.findtext("id")), e.findtext("name")
        if pen in V9_PENS:
            add(0, number + V9_PENS[pen], name, kind_of(e.findtext("dataType")))
        else:
            add(pen, number, name, kind_of(e.findtext("dataType")))


def read_ntop(path):
    for line in open(path, encoding="utf-8"):
        if line.startswith("35632."):
            number, name, word = line.strip().split(",")
            kind = ("IPV6" if "ipv6" in name else "IPV4") if word == "ip" else kind_of(word)
            add(NTOP, int(number.split(".")[1]), name, kind)


def derive():
    """Elements that are not registered one by one but by a rule."""
    for (pen, number), (name, kind) in list(table.items()):
        reverse = "reverse" + name[:1].upper() + name[1:]
        if pen == NTOP:  # in NetFlow v9, which has no enterprises
            add(0, number + NTOP_V9, name, kind)
        elif pen == 0 and 0 < number < 32768:  # RFC 5103 section 6.1
            add(REVERSE, number, reverse, kind)
        elif pen == CERT and number < 16384:  # YAF sets bit 14
            add(CERT, number | 16384, reverse, kind)


def main(top):
    read_csv(os.path.join(top, "ipfix-information-elements.csv"))
    for number, name in NETFLOW_9.items():
        add(0, number, name, "UNSIGNED")
    for number, name in PAN_OS.items():
        add(0, number, name, "STRING")
    read_csv(os.path.join(top, "ipfix_fields.fastnetmon.csv"))
    read_csv(os.path.join(top, "yaf-utils.ipfix-information-elements.csv"))
    read_csv(os.path.join(top, "registry_antrea.csv"))
    read_ntop(os.path.join(top, "ntop-35632.csv"))
    for number, (name, kind) in NTOP_PLUGINS.items():
        add(NTOP, number, name, kind)
    for path in sorted(glob.glob(os.path.join(top, "libfds", "*.xml"))):
        read_xml(path)
    derive()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Copyright 2026 The Tocsin authors */")
    print("/*")
    print(" * Information Elements: ELEMENT(enterprise, id, \"name\", TYPE), sorted by the first two. Enterprise 0 is IANA,")
    print(" * with the types of NetFlow v9 that do not contradict it. Made by make_elements.py; do not edit.")
    print(" */")
    for (pen, number), (name, kind) in sorted(table.items()):
        print(f'ELEMENT({pen}, {number}, "{name}", {kind})')


main(sys.argv[1])
