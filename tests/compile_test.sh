#!/usr/bin/env bash
# The engine compiled as a user meets it: tune, compile, and the same answers as ONNX Runtime's in fp32 and int8; a tuning
# that is killed or called again; plans for another CPU; what is refused.
# usage: compile_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

quietly "$triage" data generate --out tiny.tds --train 1400 --test 200
sed "s|DATA|tiny.tds|" "$source/tests/tiny.toml" > tiny.toml
quietly "$triage" data info tiny.tds --sheet sheet.png
quietly "$triage" train tiny.toml --run run
for precision in fp32 int8; do
  quietly "$triage" build run --precision $precision
  cp -r run/plan $precision
done

# A finished plan in int8: as good as what 'build --precision int8' makes of the nets themselves.
cp run/config.toml fp32/
quietly "$triage" quantize fp32 --data tiny.tds --out quantized
jq -e '(.name | endswith(" int8")) and all(.stages[]; .precision == "int8" and .cost.latency_us.mean > 0)' quantized/plan.json > /dev/null || fail "unexpected plan: $(jq -c '[.stages[] | [.name, .precision, .cost.latency_us.mean]]' quantized/plan.json)"
[ "$(jq -r .plan quantized/curve.json)" != "$(jq -r .plan fp32/curve.json)" ] || fail "the curve of the plan that it was made from"
quietly "$triage" compare quantized int8 --data tiny.tds --no-latency --json
jq -e '.count == 200 and ([.plans[].stages | map(.accuracy)] | transpose | length == 2 and all((.[0] - .[1] | fabs) < 0.021))' out.txt > /dev/null || fail "other accuracies than those of 'triage build --precision int8': $(cat out.txt)"
refused 2 "--out: expected no plan in quantized, found one" "$triage" quantize fp32 --data tiny.tds --out quantized
quietly "$triage" data generate --out wide.tds --train 600 --test 100 --height 20
refused 1 "found 20x16x3, expected 16x16x3" "$triage" quantize fp32 --data wide.tds --out other
cp run/config.toml quantized/
refused 1 "stage 'little': found it in int8, expected fp32" "$triage" quantize quantized --data tiny.tds --out twice
[ ! -e other/plan.json ] && [ ! -e twice/plan.json ] || fail "a refused quantisation left a plan"

# Few candidates; the second time all is known; int8 kernels come from the same store.
quietly "$triage" tune fp32 --store store.sqlite --candidates 2 --json
jq -e '.kernels | length > 2 and all(.[]; .measured == 2 and .us > 0 and .default_us > 0)' out.txt > /dev/null || fail "unexpected tuning: $(cat out.txt)"
jq -c '[.kernels[] | [.kernel, .schedule]]' out.txt > first.json
quietly "$triage" tune fp32 --store store.sqlite --candidates 2 --json
jq -e 'all(.kernels[]; .measured == 0 and .known == 2 and .why == "known")' out.txt > /dev/null || fail "a tuning that had ended measured again: $(cat out.txt)"
[ "$(jq -c '[.kernels[] | [.kernel, .schedule]]' out.txt)" = "$(cat first.json)" ] || fail "other winners without a measurement: $(cat out.txt)"
quietly "$triage" tune int8 --store store.sqlite --candidates 2

# Killed again and again it goes on, and what was measured stays.
measured() { sqlite3 -cmd '.timeout 10000' killed.sqlite 'SELECT count(*) FROM candidates' 2> /dev/null || echo 0; }
for round in 1 2; do
  kill_at_work "[ \$(measured) -ge $(($(measured) + 2)) ]" "$triage" tune int8 --store killed.sqlite --candidates 4
done
quietly "$triage" tune int8 --store killed.sqlite --candidates 4 --json
jq -e 'all(.kernels[]; .known == 4) and ([.kernels[] | .known - .measured] | add >= 4)' out.txt > /dev/null || fail "a killed tuning began anew: $(cat out.txt)"

# The same answers as ONNX Runtime's; in int8 every image the same, and probabilities to the last digit that is printed.
compiled_files() { (cd "$1" && find . \( -name '*.so*' -o -name '*.program*' -o -name 'kernels*' -o -name '*.tmp*' \) ! -name '*.proof' | sort); }
named_files() { (cd "$1" && { jq -r '"./" + .stages[].artifacts[].file' plan.json; for p in *.program; do
  tail -c +22 "$p" | grep -aoP '"library":\s*"\K[^"]+' | sed -n '1s|^|./|p'; done; } | sort -u); }
same_files() { [ "$(compiled_files "$1")" = "$(named_files "$1")" ] || fail "$1: found files $(compiled_files "$1"), expected $(named_files "$1")"; }
answers='[.images[] | [.label, .exit]]'
for plan in fp32 int8; do
  refused 1 "was not compiled" "$triage" predict $plan sheet.png --engine compiled
  quietly "$triage" compile $plan --store store.sqlite --json
  jq -e '.kernels > 4 and (.target | test("^x86_64|^aarch64"))' out.txt > /dev/null || fail "unexpected output: $(cat out.txt)"
  same_files $plan
  for engine in onnxruntime compiled auto; do
    quietly "$triage" predict $plan sheet.png --engine $engine --json
    cp out.txt $engine.json
    quietly "$triage" eval $plan --data tiny.tds --engine $engine --latency-images 64 --out $plan.$engine.json
  done
  [ "$(jq -c "$answers" onnxruntime.json)" = "$(jq -c "$answers" compiled.json)" ] || fail "$plan: found $(jq -c "$answers" compiled.json), expected $(jq -c "$answers" onnxruntime.json)"
  jq -e '.test.latency.agreement == 1' $plan.compiled.json > /dev/null || fail "$plan: the real run left at other exits than predicted"
  accuracies='[.test | .static[].accuracy, .operating_point.accuracy]'
  jq -e --argjson other "$(jq -c "$accuracies" $plan.onnxruntime.json)" \
    "$accuracies | [., \$other] | transpose | all(.[]; (.[0] - .[1] | fabs) < (if \"$plan\" == \"int8\" then 1e-9 else 0.0051 end))" \
    $plan.compiled.json > /dev/null || fail "$plan: found accuracies $(jq -c "$accuracies" $plan.compiled.json), expected $(jq -c "$accuracies" $plan.onnxruntime.json)"
  exact='[.test | .operating_point.confusion, .examples]'
  [ $plan = fp32 ] || [ "$(jq -c "$exact" $plan.compiled.json)" = "$(jq -c "$exact" $plan.onnxruntime.json)" ] || fail "int8: other answers than ONNX Runtime's"
  [ "$(jq -c "$accuracies" $plan.compiled.json)" = "$(jq -c "$accuracies" $plan.auto.json)" ] || fail "$plan: auto is not compiled"
  quietly "$triage" profile $plan --data tiny.tds --provider compiled --seconds 0.1 --batch 1,3 --threads 1,2 --json
  jq -e '.entries | length == 12 and all(.[]; .provider == "compiled" and .latency_us.mean > 0)' out.txt > /dev/null || fail "unexpected costs: $(cat out.txt)"
done
quietly "$triage" compile int8 --store store.sqlite --threads 2
quietly "$triage" predict int8 sheet.png --engine compiled --threads 2 --json
[ "$(jq -c "$answers" out.txt)" = "$(jq -c "$answers" compiled.json)" ] || fail "two threads answer otherwise: $(cat out.txt)"

# One stage against the plan, each on its engine.
quietly "$triage" compare int8 fp32 --data tiny.tds --engine compiled --other-stage big --other-engine onnxruntime --latency-images 64 \
  --figures figures.json --speedup-as speedup
jq -e '.figures | .speedup.value > 0 and .speedup.n == 64 and .speedup_points.n == 200' figures.json > /dev/null || fail "unexpected figures: $(cat figures.json)"
quietly "$triage" compare fp32 fp32 --data tiny.tds --stage big --engine compiled --other-stage big --other-engine onnxruntime --no-latency --json
jq -e '.count == 200 and (.points.difference_points | fabs) < 0.51' out.txt > /dev/null || fail "one stage on two engines: $(cat out.txt)"
refused 1 "stage: found 'huge', expected one that starts from the image: little, big" "$triage" compare fp32 fp32 --data tiny.tds --other-stage huge --no-latency

# Compiled again, with other schedules, and after a kill: nothing old stays.
before=$(compiled_files fp32)
cp store.sqlite losers.sqlite  # whichever candidate won, here another one did
sqlite3 losers.sqlite "UPDATE tuned SET sha256 = '', schedule = (SELECT c.schedule FROM candidates c WHERE c.machine = tuned.machine
  AND c.kernel = tuned.kernel AND c.schedule <> tuned.schedule AND c.failure = '' LIMIT 1)"
quietly "$triage" compile fp32 --store losers.sqlite
same_files fp32
[ "$(compiled_files fp32)" != "$before" ] || fail "expected other kernels with other schedules"
quietly "$triage" compile fp32 --untuned
same_files fp32
kill_at_work 'pgrep -P $pid > compiler.pid' "$triage" compile fp32 --store store.sqlite
while grep -qs '^State:.[^Z]' "/proc/$(cat compiler.pid)/status"; do sleep 0.05; done  # the program it had started
quietly "$triage" predict fp32 sheet.png --engine compiled
quietly "$triage" compile fp32 --store store.sqlite
same_files fp32

# Kernels of every target that this CPU runs, to the last exit of a plan whose early exit hands its map on.
cp -r "$source/zoo/cifar10-fast" every
cp sheet.png other.png  # two images or more
all_exits() { quietly "$triage" predict every sheet.png other.png --thresholds=-1,-1 --engine $1 --json; }
all_exits onnxruntime
[ "$(jq -c '[.images[].exit]' out.txt)" = "[2,2]" ] || fail "expected the last exit: $(cat out.txt)"
jq -c "$answers" out.txt > every.json
tried=0
for target in vnni avx512 avx2 sse4 arm64 arm64-plain; do
  if ! "$triage" compile every --untuned --target $target > out.txt 2> err.txt; then
    grep -q "linux-gnu-gcc: cannot be started" err.txt || fail "$target: $(cat err.txt)"  # no cross compiler
    continue
  fi
  if "$triage" predict every sheet.png --engine compiled > out.txt 2> err.txt; then
    all_exits compiled
    [ "$(jq -c "$answers" out.txt)" = "$(cat every.json)" ] || fail "$target: found $(jq -c "$answers" out.txt), expected $(cat every.json)"
    tried=$((tried + 1))
  else
    grep -q "compiled for " err.txt || fail "$target: $(cat err.txt)"  # another CPU
  fi
done
[ $tried -gt 0 ] || fail "no target runs here"

# For another CPU: auto falls back, compiled is refused with both sides named.
cp -r fp32 foreign
foreign=vnni
! grep -qw avx512_vnni /proc/cpuinfo || foreign=arm64
if [ $foreign = vnni ] || command -v aarch64-linux-gnu-gcc > /dev/null; then
  quietly "$triage" compile foreign --target $foreign
  same_files foreign
  quietly "$triage" predict foreign sheet.png --engine auto
  quietly "$triage" eval foreign --data tiny.tds --latency-images 64
  refused 1 "compiled for" "$triage" predict foreign sheet.png --engine compiled
  grep -qE "this one .* has no avx512|this process is" err.txt || fail "expected both sides: $(cat err.txt)"
  refused 1 "target: found" "$triage" tune foreign --store foreign.sqlite --target $foreign --candidates 1
  [ ! -e foreign.sqlite ] || fail "a refused tuning left a store"
fi

# Bad input: file, field, found, expected.
refused 2 "target: found 'z80', expected one of: this, vnni, avx512, avx2, sse4, arm64, arm64-plain" "$triage" compile fp32 --target z80
refused 2 "target: found 'z80'" "$triage" tune fp32 --target z80
refused 2 "expected a directory or --arch" "$triage" tune
refused 1 "plan.json" "$triage" compile run/report
refused 1 "8-x" "$triage" tune --arch 8-x --store x.sqlite
refused 2 "--precision" "$triage" tune --arch 8-8 --precision int4 --store x.sqlite
refused 2 "--candidates" "$triage" tune fp32 --store x.sqlite --candidates 0
echo "no database" > text.sqlite
refused 1 "text.sqlite: expected a tuning store" "$triage" tune fp32 --store text.sqlite --candidates 2
refused 1 "text.sqlite: expected a tuning store" "$triage" compile fp32 --store text.sqlite
sqlite3 other.sqlite 'CREATE TABLE mine (x)'
refused 1 "other.sqlite: expected a tuning store, found another SQLite database" "$triage" compile fp32 --store other.sqlite
cp store.sqlite newer.sqlite && sqlite3 newer.sqlite "UPDATE store SET value = '9' WHERE key = 'version'"
refused 1 "newer.sqlite: version: expected 3, found 9" "$triage" compile fp32 --store newer.sqlite
cp store.sqlite odd.sqlite && sqlite3 odd.sqlite "UPDATE candidates SET schedule = schedule || '?'"
refused 1 "odd.sqlite: schedule: found 'direct 1x" "$triage" compile fp32 --store odd.sqlite
refused 2 "--store: expected the directory nowhere, found none" "$triage" tune fp32 --store nowhere/store.sqlite --candidates 2
[ ! -e x.sqlite ] || fail "a refused tuning left a store"

mkdir bin && cp "$triage" "$(dirname "$triage")"/libtriage_commands.so bin
refused 1 "bin/triage-kernels, found none" bin/triage compile fp32
refused 1 "bin/triage-kernels, found none" bin/triage tune fp32 --store x.sqlite
same_files fp32

cp -r fp32 damaged
program=$(cd damaged && ls little_*.program)
printf 'x' | dd of="damaged/$program" bs=1 seek=900 conv=notrunc status=none
for engine in compiled auto; do refused 1 "$program: sha256: found" "$triage" predict damaged sheet.png --engine $engine; done
quietly "$triage" predict damaged sheet.png --engine onnxruntime
library=$(cd damaged && ls kernels_*.so)
quietly "$triage" compile damaged --store store.sqlite  # which mends it
same_files damaged
quietly "$triage" predict damaged sheet.png --engine compiled
printf 'x' | dd of="damaged/$library" bs=1 seek=900 conv=notrunc status=none
refused 1 "$library: sha256: found" "$triage" predict damaged sheet.png --engine compiled
rm damaged/*.program
refused 1 ".program: no such file" "$triage" predict damaged sheet.png
quietly "$triage" compile damaged --store store.sqlite
same_files damaged

cp -r fp32 strange
cp "$source/tests/fuzz_seeds/onnx_fuzz/stage.onnx" strange/little.onnx
refused 1 "strange/little.onnx: sha256: found" "$triage" compile strange --untuned
refused 1 "strange/little.onnx: sha256: found" "$triage" tune strange --store x.sqlite --candidates 1
jq --arg sum "$(sha256sum < strange/little.onnx | cut -d' ' -f1)" '.stages[0].sha256 = $sum | del(.checksum)' strange/plan.json > plan.json && mv plan.json strange/
refused 1 "strange/little.onnx: " "$triage" compile strange --untuned
grep -qE "node '.*' \(.*\): .*expected " err.txt || fail "expected a word about a node: $(cat err.txt)"
same_files strange

# Nets that came as files compile where they are made of layers that there are kernels for.
quietly "$triage" cascade fp32/little.onnx fp32/big.onnx --data tiny.tds --out imported
refused 1 "was not compiled" "$triage" predict imported sheet.png --engine compiled
quietly "$triage" compile imported --untuned
for engine in onnxruntime compiled; do
  quietly "$triage" predict imported sheet.png --engine $engine --json
  jq -c "$answers" out.txt > imported.$engine
done
cmp imported.onnxruntime imported.compiled || fail "imported: other answers than ONNX Runtime's"
same_files imported

# What 'triage build' makes of a run whose plan has kernels has them again; where they cannot be made this is said.
quietly "$triage" compile run/plan --store store.sqlite --target sse4 --threads 2
for precision in int8 fp32; do
  quietly "$triage" build run --precision $precision
  grep -qF "kernels for target sse4, schedules of store.sqlite" err.txt || fail "expected a word about kernels: $(cat err.txt)"
  jq -e '.provenance.kernels == {target: "sse4", threads: 2, store: "store.sqlite"} and all(.stages[]; .artifacts[0].engine == "compiled")' run/plan/plan.json > /dev/null ||
    fail "expected compiled stages: $(jq -c '[.provenance.kernels, .stages[].artifacts]' run/plan/plan.json)"
  quietly "$triage" predict run/plan sheet.png --engine compiled
  same_files run/plan
done
jq '.provenance.kernels.target = "toaster" | del(.checksum)' run/plan/plan.json > plan.json && mv plan.json run/plan/
quietly "$triage" build run
grep -qF "'triage compile run/plan --target toaster' makes its kernels" err.txt || fail "expected a warning: $(cat err.txt)"
jq -e 'all(.stages[]; .artifacts | not)' run/plan/plan.json > /dev/null || fail "expected no kernels"
[ -z "$(find run -name '*.so' -o -name '*.program')" ] || fail "kernels of the old plan stay: $(find run/plan)"
echo "compile_test: ok"
