#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin profile: every rule and window has its line, matches are those of a run, and all parts add up to the whole.
# No times: they depend on the machine.
. tests/cli/lib

cat > "$tmp/rules.tsn" <<'END'
rule web { when proto == tcp and dst_port == 80 and packets > 2 }
rule ssh { when proto == tcp and dst_port == 22 and packets > 3 }
rule telnet { when proto == tcp and dst_port == 23 and packets > 4 }
rule often { when proto == tcp and count() by src over 60s > 20 }
rule more { when proto == udp and count() by src over 60s > 5 }
rule named { when exporter_name ~ /edge/ and dst_port == 80 }
rule never { when dst_port == 1 and src_port == 1 }
END
expect 0 "$tocsin" profile -q -r "$tmp/rules.tsn" "$capture" --format json
cp "$tmp/out" "$tmp/profile.json"
expect 0 "$tocsin" run -q -r "$tmp/rules.tsn" "$capture" --summary "$tmp/summary.json"
cat > "$tmp/check.py" <<'END'
import json, sys
p, s = (json.load(open(f)) for f in sys.argv[1:3])
def check(what, good):
    if not good:
        print(what)
        bad.append(what)
bad = []
whole = p["ns_per_flow"]
near = lambda a, b: abs(a - b) <= 0.001 * whole + 0.01
stages = {x["stage"]: x["ns_per_flow"] for x in p["stages"]}
rules = {x["rule"]: x for x in p["rules"]}
check("flows", p["flows"] == s["flows"])
check("each rule has a line", sorted(rules) == sorted(s["rules"]))
check("the stages add up", near(sum(stages.values()), whole))
check("shares add up", abs(sum(x["share"] for x in p["stages"]) - 1) < 0.001)
check("the rules add up", near(sum(x["ns_per_flow"] for x in p["rules"]), stages["rules"]))
for name, x in rules.items():
    check(name + ": its parts add up", near(x["tests"] + x["windows"] + x["alerts"], x["ns_per_flow"]))
    check(name + ": matches", x["matches"] == s["rules"][name]["matches"])
    check(name + ": a window", (x["windows"] > 0) == (name in ("often", "more")))
for list in "rules", "windows", "expressions":
    ns = [x["ns_per_flow"] for x in p[list]]
    check(list + " sorted", ns == sorted(ns, reverse=True))
    check(list + " not negative", all(x >= 0 for x in ns))
windows = p["windows"]
check("one window of both rules", len(windows) == 1 and windows[0]["rules"] == 2 and windows[0]["groups"] > 0)
check("it counts all flows", windows[0]["counted"] == p["flows"])
check("the windows are the rules'", near(sum(x["windows"] for x in p["rules"]), windows[0]["ns_per_flow"]))
check("a test of four rules", any(x["rules"] == 4 and "tcp" in x["expression"] for x in p["expressions"]))
check("advice", any("never matched" in x and "never" in x for x in p["advice"]))
sys.exit(len(bad) > 0)
END
expect 0 python3 "$tmp/check.py" "$tmp/profile.json" "$tmp/summary.json"
cat "$tmp/out"
for size in 1 7; do
	expect 0 "$tocsin" profile -q -r "$tmp/rules.tsn" "$capture" --format json --batch-size $size
	cp "$tmp/out" "$tmp/profile.json"
	expect 0 python3 "$tmp/check.py" "$tmp/profile.json" "$tmp/summary.json"
	cat "$tmp/out"
done

expect 0 "$tocsin" profile -q -r "$tmp/rules.tsn" "$capture" -n 2
says out "reading and decoding"
says out "the whole"
says out "5 more"
says out "pushed out"
says out "never matched in these flows"

# what of a rule's form is dear: groups of a flow or two that keep it, and flows that look at what does not count them
cat > "$tmp/form.tsn" <<'END'
rule regular { when jitter(max_keys 64) by src, dst, src_port over 1h < 0.1 }
rule half { when count(proto == icmp, max_keys 64) by src, dst over 60s < 3 and bytes > 0 }
END
expect 0 "$tocsin" profile -q -r "$tmp/form.tsn" "$capture"
says out "jitter(count() by the same > 4)"
says out "looked at it: beside"

# groups of one flow, because clients' ports are in the key; and a sequence says how many flows its steps are
cat > "$tmp/lonely.tsn" <<'END'
rule lonely { when count() by src, dst, dst_port over 60s > 1000 }
rule chain { when sequence((dst, dst_port) where proto == tcp, (src, dst_port) where proto == tcp and packets > 1000000) over 1m }
END
expect 0 "$tocsin" profile -q -r "$tmp/lonely.tsn" "$capture"
says out "most of one flow"
says out "\`src_port >= 1024\` leaves them out"
expect 0 "$tocsin" profile -q -r "$tmp/lonely.tsn" "$capture" --format json
cp "$tmp/out" "$tmp/profile.json"
expect 0 python3 -c 'import json, sys
w = [x for x in json.load(open(sys.argv[1]))["windows"] if "steps" in x["window"]]
assert len(w) == 1 and w[0]["counted"] >= w[0]["groups"] > 0, w' "$tmp/profile.json"

# groups that made room once their window had passed were made, too
echo 'rule passing { when count(max_keys 300) by src, dst, dst_port over 1s > 50 }' > "$tmp/passing.tsn"
expect 0 "$tocsin" profile -q -r "$tmp/passing.tsn" "$capture"
says out "pushed out"
says out "\`src_port >= 1024\` leaves them out"

# where the first count is low nobody looks at the second
echo 'rule narrow { when count() by src over 60s > 1000000 and count(proto == icmp) by src over 60s < 3 }' > "$tmp/narrow.tsn"
expect 0 "$tocsin" profile -q -r "$tmp/narrow.tsn" "$capture" --format json
cp "$tmp/out" "$tmp/profile.json"
expect 0 python3 -c 'import json, sys
w = json.load(open(sys.argv[1]))["windows"]
assert len(w) == 2 and all(x["looked"] == 0 for x in w), w' "$tmp/profile.json"

# alerts are made, and go nowhere
expect 0 "$tocsin" profile -q -r stdlib-rules -r tests/fixtures/demo.tsn "$capture"
says out "alerts: writing"
silent err

expect 2 "$tocsin" profile "$capture"
says err "no rules"
expect 2 "$tocsin" profile -r "$tmp/rules.tsn"
says err "no input"
expect 2 "$tocsin" profile -r "$tmp/rules.tsn" "$capture" --format csv
says err "text or json"
echo 'rule broken { when }' > "$tmp/broken.tsn"
expect 1 "$tocsin" profile -r "$tmp/broken.tsn" "$capture"
finish
