#!/usr/bin/env bash
# The whole pipeline on generated images, as a user runs it: every file it promises, and what they must agree on.
# usage: end_to_end_test.sh TRIAGE SOURCE_DIR PYTHON_PACKAGE_DIR
. "$(dirname "$0")/lib.sh"

"$triage" data generate --out "$work/tiny.tds" --train 1400 --test 200 > /dev/null
"$triage" data info "$work/tiny.tds" --json > "$work/info.json"
"$triage" suggest --data "$work/tiny.tds" --latency 10s --seconds 0.01 --json > "$work/nets.json" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
jq -e --slurpfile info "$work/info.json" '.classes == ($info[0].classes | length) and (.nets | length >= 2 and all(.latency_us > 0 and .fits)) and
  ([.nets[].latency_us] | . == sort)' "$work/nets.json" > /dev/null || fail "unexpected nets: $(cat "$work/nets.json")"
"$triage" suggest --side 48 --classes 5 --latency 1us --seconds 0.01 > "$work/out.txt" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
grep -q "no two of them make a plan within the limit" "$work/out.txt" || fail "expected no plan of 1 us: $(cat "$work/out.txt")"
sed "s|DATA|$work/tiny.tds|" "$source/tests/tiny.toml" > "$work/tiny.toml"
"$triage" run "$work/tiny.toml" --run "$work/run" --figures "$work/figures.json" > "$work/out.txt" 2> "$work/log.txt" ||
  { cat "$work/log.txt"; fail "triage run failed"; }
! grep -q "Schema error" "$work/log.txt" || fail "ONNX Runtime printed schema errors"

for file in config.toml metrics.jsonl metrics.csv timing.json costs.json latency.json results.json report.html router.pt router.json \
  little.pt little_best.pt big.pt big_best.pt little.onnx big.onnx acc_vs_latency.png escalation_vs_threshold.png \
  plan/plan.json plan/curve.json plan/plan.onnx plan/little.onnx plan/big.onnx; do
  [ -s "$work/run/$file" ] || fail "expected $file in the run directory, found none"
done
[ -z "$(find "$work/run" -name '*.tmp')" ] || fail "temporary files were left behind"

fits() { python3 "$source/tests/check_schema.py" "$source/docs/schema" "$@" || [ $? = 77 ] || fail "expected $1.json to fit its schema"; }
fits plan "$work/run/plan/plan.json"
fits costs "$work/run/costs.json"
fits results "$work/run/results.json"
if [ -e "$3/triage/_triage.pyi" ]; then  # the Python package reads the same in it
  PYTHONPATH=$3 PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$source/bindings/python/tests/run_test.py" "$work/run" > "$work/out.txt" 2>&1 || fail "$(cat "$work/out.txt")"
fi
fits curve "$work/run/plan/curve.json"

# The curve holds the plan's own promise, and is measured anew by its command.
"$triage" curve "$work/run/plan" --out "$work/curve.json" > "$work/out.txt" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
for curve in "$work/run/plan/curve.json" "$work/curve.json"; do
  jq -e --slurpfile plan "$work/run/plan/plan.json" '$plan[0].predicted as $promised |
    (.own.accuracy - $promised.accuracy | fabs) < 0.01 and (.own.exit_share[0] - $promised.exit_share[0] | fabs) < 0.01 and
    (.points | length >= 2) and .split == "validation"' "$curve" > /dev/null || fail "unexpected $(jq -c '{own, points}' "$curve")"
done
grep -q "the plan's own" "$work/out.txt" || fail "expected the plan's own point: $(cat "$work/out.txt")"

# 200 test images, 4 classes, shapes: both nets must be far above chance, the plan at least as good as the little net.
jq -e '.test | .static[0].accuracy > 0.6 and .operating_point.accuracy >= .static[0].accuracy - 0.02' "$work/run/results.json" > /dev/null ||
  fail "expected little above 0.6 and the plan no worse: $(jq -c '.test | [.static[].accuracy, .operating_point.accuracy]' "$work/run/results.json")"
jq -e '.test.latency.agreement == 1' "$work/run/results.json" > /dev/null || fail "the real run left at other exits than predicted"
jq -e '.figures["tiny.big_accuracy"].value > 60 and .figures["tiny.minutes"].value > 0' "$work/figures.json" > /dev/null || fail "figures are missing"

# "auto" is settled when a run begins, and the run says as what.
[[ "$(head -n 1 "$work/run/config.toml")" =~ ^precision\ =\ \"(bf16|fp32)\" ]] || fail "expected the precision in front of config.toml, found: $(head -n 1 "$work/run/config.toml")"
# A target that cannot be met leaves the run as it was.
sums() { (cd "$work/run" && find . -type f -o -type l | sort | xargs sha256sum); }
before=$(sums) code=0
"$triage" build "$work/run" --accuracy 99.99% > "$work/out.txt" 2> "$work/refused.txt" || code=$?
[ $code = 1 ] && grep -q "not reachable" "$work/refused.txt" || fail "expected exit code 1 and the target, found $code: $(cat "$work/refused.txt")"
[ "$(sums)" = "$before" ] || fail "a refused build changed the run: $(diff <(echo "$before") <(sums))"

# The same command again repeats nothing that is done, and gives the same networks.
cp "$work/run/little.pt" "$work/little.pt"
"$triage" run "$work/tiny.toml" --run "$work/run" > /dev/null 2> "$work/again.txt"
cmp "$work/little.pt" "$work/run/little.pt"
! grep -q "epoch" "$work/again.txt" || fail "a finished run trained again"
[ "$(jq -r .stage "$work/run/metrics.jsonl" | sort | uniq -c | tr -s ' \n' ' ')" = " 4 big 3 little " ] ||
  fail "expected the log of 4 epochs of big and 3 of little after running again: $(cut -c1-40 "$work/run/metrics.jsonl")"

# The same seed in another directory: the same weights.
"$triage" train "$work/tiny.toml" --run "$work/twin" > /dev/null 2>&1
cmp "$work/run/big.pt" "$work/twin/big.pt"
cmp "$work/run/little.pt" "$work/twin/little.pt"

jq -e '.version == 2 and .test.split == "test" and (.test | [.static[], .operating_point] |
  all(.[]; .balanced_accuracy_interval[0] <= .balanced_accuracy and .macro_f1 <= 1 and .top5_accuracy == null)) and
  (.test.latency.alone_us | length == 2)' "$work/run/results.json" > /dev/null || fail "expected balanced accuracy and macro F1 of 4 classes"

# What would be done, without doing it: the files are as they were, and another directory is not made.
before=$(sums)
"$triage" train "$work/tiny.toml" --run "$work/dry" --dry-run --json > "$work/dry.json" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
"$triage" run "$work/tiny.toml" --run "$work/run" --dry-run > "$work/dry.txt" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
[ ! -e "$work/dry" ] && [ "$(sums)" = "$before" ] || fail "a dry run wrote something"
jq -e '(.networks | map([.name, .epochs]) == [["little", 3], ["big", 4]]) and all(.networks[]; .seconds > 0 and .images_per_second > 0 and .mmac > 0)
  and (.splits | .train + .route + .validation == 1400 and .test == 200) and .training_minutes > 0' "$work/dry.json" > /dev/null ||
  fail "expected sizes and times: $(cat "$work/dry.json")"
grep -q "^training: about .* min" "$work/dry.txt" || fail "expected an estimate: $(cat "$work/dry.txt")"

# On from a finished run, shorter and with another learning rate; the run says what it was made with, and resumes.
longer() { "$triage" train "$work/tiny.toml" --run "$work/longer" --from "$work/run" --epochs 1 --set 'stage.*.lr=0.05' "$@"; }
longer > /dev/null 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
[ "$(grep -c '^epochs = 1$' "$work/longer/config.toml") $(grep -c '^lr = 0.05' "$work/longer/config.toml")" = "2 2" ] ||
  fail "expected one epoch and the rate for both nets: $(cat "$work/longer/config.toml")"
jq -es 'length == 2 and all(.[]; .epoch == 1 and .validation_accuracy > 0.6)' "$work/longer/metrics.jsonl" > /dev/null ||
  fail "expected one epoch on from good weights: $(cat "$work/longer/metrics.jsonl")"
longer > /dev/null 2> "$work/again.txt"
! grep -q "epoch" "$work/again.txt" || fail "a finished run trained again"
code=0
"$triage" train "$work/tiny.toml" --run "$work/run" --epochs 9 > "$work/out.txt" 2> "$work/log.txt" || code=$?
[ $code = 1 ] && grep -qF -- "(--from $work/run goes on from these networks)" "$work/log.txt" || fail "expected a way on: $(cat "$work/log.txt")"
rm -r "$work/longer"

# A plan finds its run's data.
"$triage" eval "$work/run/plan" --no-latency > "$work/eval.txt" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
grep -q "worst classes: " "$work/eval.txt" || fail "expected the worst classes: $(cat "$work/eval.txt")"

# Another point of the curve; the whole plan as one file; single images.
"$triage" build "$work/run" --policy confidence --accuracy 50% --json > "$work/plan.json"
jq -e '.policy == "confidence" and .predicted.accuracy >= 0.5' "$work/plan.json" > /dev/null || fail "expected a confidence plan"
"$triage" build "$work/run" --max-drop 0% --metric balanced --json > "$work/plan.json" 2> /dev/null
jq -e '.predicted.metric == "balanced"' "$work/plan.json" > /dev/null || fail "expected a balanced choice: $(jq -c .predicted "$work/plan.json")"
"$triage" export "$work/run/plan" --batch free --calibrated --out "$work/batch.onnx" > /dev/null
for shell in bash zsh fish; do "$triage" completion $shell | grep 'max-drop' > /dev/null || fail "completion $shell: expected the options of build"; done
"$triage" completion bash | bash -n || fail "the completion is no bash"
"$triage" build "$work/run" > /dev/null 2>&1
"$triage" export "$work/run/plan" --out "$work/plan.onnx" --check-data "$work/tiny.tds" > /dev/null
"$triage" profile "$work/run/plan" --data "$work/tiny.tds" --seconds 0.2 --batch 1,8 --csv "$work/costs.csv" > /dev/null 2>&1
grep -q little "$work/costs.csv" || fail "expected a row for little in the CSV"

# Energy: a budget is refused where none was measured, and kept where it was.
cp -r "$work/run" "$work/energy"
jq '.energy_source = null | .entries[].energy = null | del(.checksum)' "$work/run/costs.json" > "$work/energy/costs.json"
jq "del(.costs)" "$work/run/checkpoint/costs.key.json" > "$work/energy/checkpoint/costs.key.json"  # or the edited costs would be measured anew
printf '[build.budget]\nmean_energy_uj = 150\n' >> "$work/energy/config.toml"
! "$triage" build "$work/energy" > "$work/out.txt" 2> "$work/log.txt" || fail "expected a budget without energy to be refused"
grep -q "budget mean_energy_uj: expected stages whose energy was measured, found none" "$work/log.txt" || fail "$(cat "$work/log.txt")"
jq '.energy_source = "rapl: CPU packages" | .entries |= [.[] | .energy = {gross_uj: 900, net_uj: (if .stage == "little" then 100 else 400 end),
  idle_watts: 3, window_seconds: 6, runs: 9000, source: "rapl", stable: true}] | del(.checksum)' "$work/run/costs.json" > "$work/energy/costs.json"
"$triage" build "$work/energy" --json > "$work/plan.json" 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
jq -e '(.stages | map(.cost.energy_uj) == [100, 400]) and .predicted.exit_share[1] <= 0.125' "$work/plan.json" > /dev/null ||
  fail "expected at most 150 uJ in the mean: $(jq -c '[.stages[].cost.energy_uj, .predicted]' "$work/plan.json")"
{ echo time,power_w; awk -v now="$(date +%s)" 'BEGIN {for (i = -50; i < 3000; ++i) printf "%.2f,%.3f\n", now + i / 10, 50 + i / 100}'; } > "$work/meter.csv"
cp "$work/run/config.toml" "$work/energy/config.toml"  # power rises from the idle window on, so that there is a net
"$triage" build "$work/energy" --energy-source "csv:$work/meter.csv" --energy-seconds 0.6 --json > "$work/plan.json" 2> "$work/log.txt" ||
  fail "$(cat "$work/log.txt")"
jq -e 'all(.stages[]; .cost.energy_uj > 0)' "$work/plan.json" > /dev/null || fail "expected energy by the meter: $(jq -c '[.stages[].cost]' "$work/plan.json")"

"$triage" predict "$work/run/plan" "$work/run/easiest.png" --json > "$work/predict.json" 2> /dev/null
jq -e '.images[0].label | IN("disc", "cross", "triangle", "ring")' "$work/predict.json" > /dev/null || fail "predict gave no label"
/usr/bin/python3 -B "$source/tests/onnx_client_test.py" "$work/run/plan" || [ $? = 77 ]
# Larger images that are not square, in int8: through the same commands.
"$triage" data generate --out "$work/large.tds" --height 30 --width 22 --train 1000 --test 100 > /dev/null
sed "s|DATA|$work/large.tds|; s/\"tiny\"/\"large\"/; s/epochs = [34]/epochs = 1\ninference_precision = \"int8\"/" \
  "$source/tests/tiny.toml" > "$work/large.toml"
"$triage" run "$work/large.toml" --run "$work/large" > /dev/null 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
jq -e '.input == {"channels": 3, "height": 30, "width": 22} and all(.stages[]; .precision == "int8")' "$work/large/plan/plan.json" > /dev/null ||
  fail "expected int8 stages of 30x22 images: $(jq -c '[.input, .stages[].precision]' "$work/large/plan/plan.json")"
jq -e '.stages | map(.layer_divergence | length) == [3, 4]' "$work/large/int8.json" > /dev/null || fail "expected every layer's divergence"
jq -e '.test.latency.agreement == 1' "$work/large/results.json" > /dev/null || fail "int8: the real run left at other exits than predicted"

echo "end_to_end_test: ok"
