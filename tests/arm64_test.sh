#!/usr/bin/env bash
# The programs for 64-bit ARM, cross-compiled and run under qemu: the same labels, probabilities and exits as this
# machine's, with both engines, and a cost table with the same rows. Says nothing about time.
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

plan=zoo/cifar10-pair count=12
"$triage" data generate --out "$work/shapes.tds" --train 1400 --test 200 > /dev/null
pixels=$(od -An -t u8 -j 16 -N 8 "$work/shapes.tds")
make_images() {  # PLAN: of its size, 0.ppm, 1.ppm, ... and all in images.bin
  local side bytes
  side=$(jq .input.height "$1/plan.json")
  bytes=$((3 * side * side))
  tail -c +$((pixels + 1)) "$work/shapes.tds" | head -c $((count * bytes)) > "$work/images.bin" || true  # (docs/formats.md)
  for i in $(seq 0 $((count - 1))); do
    { printf 'P6\n%d %d\n255\n' "$side" "$side"; tail -c +$((i * bytes + 1)) "$work/images.bin" | head -c $bytes || true; } > "$work/$i.ppm"
  done
}
same_answers() {  # PLAN_HERE PLAN_THERE NAME: the example's lines without the time
  for i in $(seq 0 $((count - 1))); do
    here=$("$classify" "$1" "$work/$i.ppm") there=$(arm examples/classify "$2" "$work/$i.ppm")
    [ "${here%,*}" = "${there%,*}" ] || fail "$3, image $i: found '$there', expected '$here'"
  done
}
make_images $plan
same_answers $plan $plan onnxruntime
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
# Kernels of both kinds of arm64, as the only thing that can run the plan: no ONNX files lie beside them. In int8 the
# answers are the kernels' of this machine; here the plan has no kernels, and ONNX Runtime's integers are the same.
sed "s|DATA|$work/shapes.tds|" tests/tiny.toml > "$work/tiny.toml"
{ "$triage" train "$work/tiny.toml" --run "$work/run" && "$triage" build "$work/run" --precision int8; } > "$work/out.txt" 2>&1 ||
  fail "$(cat "$work/out.txt")"
count=4
for plan in zoo/cifar10-fast "$work/run/plan"; do
  make_images "$plan"
  for target in arm64 arm64-plain; do
    cp -r "$plan" "$work/whole"
    "$triage" compile "$work/whole" --target $target --untuned > "$work/out.txt" 2>&1 || fail "$(cat "$work/out.txt")"
    mkdir "$work/arm"
    cp "$work/whole"/{plan.json,*.program,kernels_*.so} "$work/arm"
    same_answers "$plan" "$work/arm" "$plan, $target"
    arm triage-measure "$work/arm" "$work/images.bin" "{\"provider\": \"compiled\", \"threads\": [2], $short}" > "$work/there.json"
    jq -e 'all(.entries[]; .provider == "compiled" and .latency_us.count > 0)' "$work/there.json" > /dev/null ||
      fail "$target: an unexpected table: $(jq -c 'del(.states)' "$work/there.json")"
    old=(qemu-aarch64 -cpu cortex-a53 -L / build/arm64/triage-measure "$work/arm" "$work/images.bin" "{\"provider\": \"compiled\", $short}")
    if [ $target = arm64 ]; then  # that CPU has no dot products
      ! "${old[@]}" > "$work/out.txt" 2>&1 && grep -q "compiled for a CPU with asimd asimddp fp, this one .* has no asimddp" "$work/out.txt" ||
        fail "expected an old CPU to be refused: $(cat "$work/out.txt")"
    else
      "${old[@]}" > "$work/out.txt" 2>&1 || fail "$(cat "$work/out.txt")"
    fi
    ! "$classify" "$work/arm" "$work/0.ppm" > "$work/out.txt" 2>&1 || fail "kernels for $target ran here"
    rm -r "$work/whole" "$work/arm"
  done
done
echo "arm64_test: ok"
