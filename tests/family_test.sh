#!/usr/bin/env bash
# Nets of other families than plain, as a user trains them: a residual one that learns from an mbconv one, beside a plain
# one, to a plan that predict, eval, export and the rest take; killed and gone on with, to the same bits.
# usage: family_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
"$triage" data generate --out tiny.tds --height 16 --width 16 --train 1400 --test 200 > /dev/null
{ tiny_config families; cat <<END; } > net.toml
[[stage]]
name = "little"
arch = "residual:8-8x1-16x1/2"
teacher = "big"
epochs = 3
batch = 50
[stage.distill]
views = 2

[[stage]]
name = "middle"
arch = "8-24,24"
epochs = 3
batch = 50

[[stage]]
name = "big"
arch = "mbconv:16-16e1-24k5e2s4h,e2h/2-32e3hx1/2-c96h"
exits = [1]
epochs = 5
batch = 50
END

# The whole training, and one that is killed on its way in either family's net.
quietly "$triage" train net.toml --run run
kill_at_work "grep -q '\"stage\":\"big\",\"epoch\":2' killed/metrics.jsonl" "$triage" train net.toml --run killed
kill_at_work "grep -q '\"stage\":\"little\",\"epoch\":1' killed/metrics.jsonl" "$triage" train net.toml --run killed
quietly "$triage" train net.toml --run killed
for name in little middle big; do
  for file in "$name.pt" "${name}_best.pt"; do cmp "run/$file" "killed/$file"; done
done
rm -r killed

quietly "$triage" run net.toml --run run --dry-run --json
jq -e '.networks | map([.name, .mmac > 0, .parameters > 0]) == [["little", true, true], ["middle", true, true], ["big", true, true]] and
  .[0].arch == "residual:8-8-16/2"' out.txt > /dev/null || fail "expected sizes of all: $(cat out.txt)"
quietly "$triage" run net.toml --run run --figures figures.json
jq -e '.stages | map([.name, has("arch"), .input]) == [["little", false, "image"], ["middle", true, "image"], ["big_exit1", false, "image"],
  ["big", false, "features"]] and .[3].source == 2' run/plan/plan.json > /dev/null || fail "expected files as stages: $(jq -c '[.stages[] | [.name, .arch, .input, .source]]' run/plan/plan.json)"
jq -e '.stages[0] | .feature_width == 16 and .macs > 0 and .parameters > 0 and .cost.latency_us.mean > 0' run/plan/plan.json > /dev/null ||
  fail "expected features, sizes and costs: $(jq -c '.stages[0] | del(.exit)' run/plan/plan.json)"
jq -e '.test.latency.agreement == 1' run/results.json > /dev/null || fail "the real run left at other exits than predicted"
jq -e '.test.static | .[0].accuracy > 0.6 and .[3].accuracy > 0.6' run/results.json > /dev/null ||
  fail "expected nets that learned: $(jq -c '[.test.static[].accuracy]' run/results.json)"
jq -e '.figures["families.big_mmac"].value > 0' figures.json > /dev/null || fail "expected the size of big: $(cat figures.json)"
python3 "$source/tests/check_schema.py" "$source/docs/schema" plan run/plan/plan.json || [ $? = 77 ] || fail "plan.json does not fit its schema"

# What takes plans takes this one: the files are standard ONNX with the names that stages have.
quietly "$triage" eval run/plan --no-latency
quietly "$triage" predict run/plan run/easiest.png --json
jq -e '.images[0].label | IN("disc", "cross", "triangle", "ring")' out.txt > /dev/null || fail "predict gave no label: $(cat out.txt)"
[ -s run/plan/plan.onnx ] || fail "expected the plan as one file"
quietly "$triage" export run/plan --batch free --out batch.onnx
quietly "$triage" export run/plan --out plan.onnx --check-data tiny.tds
quietly "$triage" build run --policy confidence --accuracy 50%
quietly "$triage" build run --precision int8
jq -e '.stages | map(.precision) | .[1] == "int8"' run/plan/plan.json > /dev/null || fail "expected int8: $(jq -c '[.stages[].precision]' run/plan/plan.json)"
jq -e '.stages | keys == ["big", "big_exit1", "little", "middle"] and ([.big, .big_exit1, .little] | all(.net.nodes | length > 3))' run/int8.json > /dev/null ||
  fail "expected what was tried of each: $(jq -c .stages run/int8.json)"
quietly "$triage" build run --precision int8  # the forms are found again
[ "$(grep -c 'found in int8 before' err.txt)" = 3 ] || fail "expected the forms of before: $(cat err.txt)"

# Everything in 8 bits, faster here or not, the parts of a net with exits as well: nearly the same answers.
quietly "$triage" build run
quietly "$triage" quantize run/plan --untimed --loss 100 --out quantized
jq -e '.stages | length == 4 and all(.precision == "int8") and .[3].source == 2' quantized/plan.json > /dev/null || fail "expected all in int8: $(jq -c '[.stages[].precision]' quantized/plan.json)"
quietly "$triage" eval quantized --data tiny.tds --no-latency --json
jq -e --slurpfile whole run/results.json '[.test.static, $whole[0].test.static] | transpose | length == 4 and all(.[1].accuracy - .[0].accuracy < 0.08)' out.txt > /dev/null ||
  fail "int8 lost more than 8 points: $(jq -c '[.test.static[].accuracy]' out.txt run/results.json)"
for file in quantized/*.onnx; do grep -q QuantizeLinear "$file" || fail "expected 8 bits in $file"; done
# A part has the accuracy of its net in fp32 to lose against, whatever the part before it lost.
quietly "$triage" quantize run/plan --untimed --loss 0 --out careful

# A supernet of a family, and a plan of two nets that are cut from it.
{ tiny_config cut; cat <<END; } > cut.toml
[supernet]
space = "mbconv:8-8e1-16:24:8k3:5:2e2:3:1,k3:5:2e2:3:1?/2-32e2/2"
random_subnets = 1
epochs = 4
batch = 50

[[stage]]
name = "small"
arch = "mbconv:8-8e1-16e2/2-32e2/2"
from = "supernet"
epochs = 0

[[stage]]
name = "large"
arch = "mbconv:8-8e1-24k5e3x2/2-32e2/2"
from = "supernet"
epochs = 0
END
quietly "$triage" run cut.toml --run cut
jq -e '.test.static | all(.[]; .accuracy > 0.5)' cut/results.json > /dev/null || fail "expected subnets that learned: $(jq -c '[.test.static[].accuracy]' cut/results.json)"
jq -es 'map(select(.stage == "supernet")) | length == 4 and all(.[]; .smallest_validation_accuracy > 0)' cut/metrics.jsonl > /dev/null ||
  fail "expected the smallest subnet beside the largest: $(cat cut/metrics.jsonl)"

# What is not there yet is said before the work.
sed 's|^arch = "residual:.*|&\nfreeze_stem = true|' net.toml > other.toml
refused 1 "no such key beside another family than plain" "$triage" train other.toml --run other
[ ! -e other/metrics.jsonl ] || fail "a refused training began"
echo "family_test: ok"
