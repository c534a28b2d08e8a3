#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tocsin fmt: shipped rules are in canonical layout; formatting twice changes
# nothing more; a file with an error is left alone; what rules mean stays.
. tests/cli/lib

expect 0 "$tocsin" fmt --check stdlib-rules rules tests/cli/varied.tsn
silent out
cat > "$tmp/messy.tsn" << 'END'
# a comment
let   n=5
rule   messy{severity high when proto==tcp and
    dst_port==25 and count() by src over 60s>n # why
    except src in{10.0.0.1,10.0.0.2} test "six" fires 1{flow{src=10.0.0.5,proto=tcp,dst_port=25}repeat 6 every 1s}}
END
cp "$tmp/messy.tsn" "$tmp/before.tsn"
expect 1 "$tocsin" fmt --check "$tmp/messy.tsn"
says out "$tmp/messy.tsn: not in canonical layout"
same 'fmt --check writes nothing' "$tmp/before.tsn" "$tmp/messy.tsn"
input=$tmp/messy.tsn
expect 0 "$tocsin" fmt -
input=
mv "$tmp/out" "$tmp/piped"
expect 0 "$tocsin" fmt "$tmp/messy.tsn"
silent out
same 'fmt - and fmt FILE' "$tmp/piped" "$tmp/messy.tsn"
expect 0 "$tocsin" fmt --check "$tmp/messy.tsn"
expect 0 grep -q '# why' "$tmp/messy.tsn"
expect 0 "$tocsin" test "$tmp/messy.tsn"
"$tocsin" run -r "$tmp/before.tsn" "$capture" > "$tmp/a" 2> /dev/null
"$tocsin" run -r "$tmp/messy.tsn" "$capture" > "$tmp/b" 2> /dev/null
same 'alerts before and after fmt' "$tmp/a" "$tmp/b"
echo 'rule broken { when' > "$tmp/broken.tsn"
cp "$tmp/broken.tsn" "$tmp/before.tsn"
expect 1 "$tocsin" fmt "$tmp/broken.tsn"
says err 'broken.tsn:1:'
same 'a broken file is left alone' "$tmp/before.tsn" "$tmp/broken.tsn"
expect 3 "$tocsin" fmt "$tmp/none.tsn"
finish
