#!/usr/bin/env bash
# The JSON Schemas of docs/schema/: they are schemas, the files of the zoo fit them, damaged ones do not.
# (What the program writes is held against them where it writes: end_to_end_test.sh, search_test.sh.)
# usage: schema_test.sh SOURCE_DIR
set -euo pipefail
source=$1
check=("$source/tests/check_schema.py" "$source/docs/schema")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "schema_test: $*" >&2; exit 1; }

code=0
/usr/bin/env python3 "${check[@]}" --self > "$work/out.txt" 2>&1 || code=$?
[ $code = 0 ] || { cat "$work/out.txt" >&2; exit $code; }
for name in plan costs; do
  python3 "${check[@]}" $name "$source"/zoo/*/$name.json || fail "expected the zoo's $name.json to fit its schema"
done

# refused NAME FILTER WORDS: the zoo's file changed by jq.
refused() {
  jq "$2" "$source/zoo/cifar10-fast/$1.json" > "$work/$1.json"
  if python3 "${check[@]}" "$1" "$work/$1.json" > "$work/out.txt"; then fail "expected $1.json to be refused after: $2"; fi
  grep -qF -- "$3" "$work/out.txt" || fail "expected '$3' after $2, found: $(cat "$work/out.txt")"
}
refused plan 'del(.stages[0].exit.threshold)' "'threshold' is a required property"
refused plan '.stages[1].macs = "many"' '$.stages[1].macs'
refused plan '.stages[0].sha256 |= .[1:]' '$.stages[0].sha256'
refused plan '.stages[0].onnx = "../net1.onnx.d/x"' '$.stages[0].onnx'
refused plan 'del(.stages[1].source)' "'source' is a required property"
refused plan '.stages[0].precision = "int8"' "'weight_bytes' is a dependency of 'precision'"
refused plan '.policy = "random"' '$.policy'
refused plan '.stages = []' '$.stages'
refused plan '.stages[0].colour = "red"' "'colour' was unexpected"
refused plan '.version = 99' '$.version'
refused costs '.entries[0].latency_us.mean = -1' '$.entries[0].latency_us.mean'
refused costs 'del(.entries[0].stable)' "'stable' is a required property"
refused costs '.entries[0].threads = 0' '$.entries[0].threads'
refused costs '.machine = "mine"' '$.machine'
