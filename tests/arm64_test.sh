#!/usr/bin/env bash
# The programs for 64-bit ARM, cross-compiled and run under qemu: the same labels, probabilities and exits as this
# machine's, and a cost table with the same rows. Says nothing about time.
# usage: arm64_test.sh TRIAGE SOURCE_DIR TRIAGE_MEASURE CLASSIFY   (those of this machine)
set -euo pipefail
triage=$1 source=$2 measure=$3 classify=$4
fail() { echo "arm64_test: $*" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$source"
{ cmake --preset arm64 -DCMAKE_MESSAGE_LOG_LEVEL=WARNING && cmake --build --preset arm64; } > "$work/build.txt" 2>&1 ||
  { tail -n 30 "$work/build.txt"; fail "the cross build failed"; }
arm() { local program=$1; shift; qemu-aarch64 -L / "build/arm64/$program" "$@"; }
arm triage-measure --version | jq -e '.architecture == "aarch64" and (.providers | index("cpu") != null)' > /dev/null ||
  fail "an unexpected version: $(arm triage-measure --version)"

plan=zoo/cifar10-pair count=12 bytes=3072
"$triage" data generate --out "$work/shapes.tds" --train 80 --test 40 > /dev/null
pixels=$(od -An -t u8 -j 16 -N 8 "$work/shapes.tds")
tail -c +$((pixels + 1)) "$work/shapes.tds" > "$work/all.bin"  # (docs/formats.md)
for i in $(seq 0 $((count - 1))); do
  { printf 'P6\n32 32\n255\n'; tail -c +$((i * bytes + 1)) "$work/all.bin" | head -c $bytes || true; } > "$work/$i.ppm"
  here=$("$classify" $plan "$work/$i.ppm") there=$(arm examples/classify $plan "$work/$i.ppm")
  [ "${here%,*}" = "${there%,*}" ] || fail "image $i: found '$there', expected '$here'"
done

head -c $((count * bytes)) "$work/all.bin" > "$work/images.bin"
short='"measure": {"max_seconds": 0.05, "min_seconds": 0.01, "min_runs": 3, "warmup_runs": 1, "warmup_seconds": 0, "settle_runs": 0, "window_seconds": 0, "window_runs": 1}'
rows='[.entries[] | [.stage, .provider, .threads, .batch]]'
for options in "{\"batches\": [1, 3], $short}" "{\"provider\": \"xnnpack\", $short}"; do
  "$measure" $plan "$work/images.bin" "$options" > "$work/here.json"
  arm triage-measure $plan "$work/images.bin" "$options" > "$work/there.json"
  [ "$(jq -c "$rows" "$work/here.json")" = "$(jq -c "$rows" "$work/there.json")" ] ||
    fail "$options: found rows $(jq -c "$rows" "$work/there.json"), expected $(jq -c "$rows" "$work/here.json")"
  jq -e '.machine.architecture == "aarch64" and ([.entries[].latency_us.count] | min) > 0' "$work/there.json" > /dev/null ||
    fail "an unexpected table: $(jq -c 'del(.states)' "$work/there.json")"
done
echo "arm64_test: $count images answered alike"
