#!/usr/bin/env bash
# Nets of one plan that see the image at sizes of their own: 16 and 24 pixels of images of 24, the first one with an exit
# and taught by the second; and both cut from one supernet whose subnets draw their size.
# usage: resolution_test.sh TRIAGE SOURCE_DIR PYTHON_PACKAGE_DIR
. "$(dirname "$0")/lib.sh"
"$triage" data generate --out tiny.tds --height 24 --width 24 --train 1400 --test 200 > /dev/null
{ tiny_config sides; cat <<END; } > net.toml
[[stage]]
name = "little"
arch = "residual:8-8-16/2-16@16"
teacher = "big"
exits = [1]
epochs = 5
batch = 50
[stage.distill]
views = 2

[[stage]]
name = "big"
arch = "mbconv:16-16e1-24e2/2-32e2/2@24"
epochs = 5
batch = 50
END

mmac() { "$triage" arch "$1" --input "3x$2x$2" --classes 4 --json | jq .macs; }  # of a text without a side
check_plan() {  # RUN LITTLE BIG: the plan's first net sees 16 pixels, its last one the images as they are
  local plan=$1/plan/plan.json first last
  jq -e '.input == {channels: 3, height: 24, width: 24} and
    (.stages[0].preprocess | .resize == {mode: "exact", height: 16, width: 16, interpolation: "bilinear", resampler: "pillow"} and
     [.height, .width, .channels] == [16, 16, 3]) and (.stages[-1] | has("preprocess") | not) and
    (.stages[0].cost | .prepare_us > 0 and .prepare_us < .latency_us.mean)' "$plan" > /dev/null ||
    fail "expected 16 pixels prepared and paid for: $(jq -c '[.input, (.stages[] | [.name, .preprocess, .cost.prepare_us])]' "$plan")"
  jq -e '.test.latency.agreement == 1' "$1/results.json" > /dev/null || fail "$1: the real run left at other exits than predicted"
  jq -e '.test.static | all(.[]; .accuracy > 0.5)' "$1/results.json" > /dev/null ||
    fail "$1: expected nets that learned: $(jq -c '[.test.static[].accuracy]' "$1/results.json")"
  last=$(mmac "$3" 24) first=$(mmac "$2" 16)
  [ "$(jq "[.stages[] | select(.name | startswith(\"little\") or . == \"small\") | .macs] | add" "$plan")" -ge "$first" ] ||
    fail "expected at least $first MACs of 16 pixels: $(jq -c '[.stages[].macs]' "$plan")"
  [ "$(jq '.stages[-1].macs' "$plan")" = "$last" ] || fail "expected $last MACs of 24 pixels: $(jq -c '[.stages[].macs]' "$plan")"
}

# Whole, and killed on its way in either net.
quietly "$triage" run net.toml --run run
check_plan run residual:8-8-16/2-16 mbconv:16-16e1-24e2/2-32e2/2
kill_at_work "grep -q '\"stage\":\"big\",\"epoch\":1' killed/metrics.jsonl" "$triage" train net.toml --run killed
kill_at_work "grep -q '\"stage\":\"little\",\"epoch\":1' killed/metrics.jsonl" "$triage" train net.toml --run killed
quietly "$triage" train net.toml --run killed
for name in little big; do cmp "run/${name}_best.pt" "killed/${name}_best.pt"; done
rm -r killed

# What takes plans takes this one.
quietly "$triage" eval run/plan --no-latency
quietly "$triage" predict run/plan run/easiest.png --json
jq -e '.images[0].label | IN("disc", "cross", "triangle", "ring")' out.txt > /dev/null || fail "predict gave no label: $(cat out.txt)"
quietly "$triage" export run/plan --out plan.onnx --check-data tiny.tds
refused 1 "expected 1: the model takes the pixels of one image" "$triage" export run/plan --batch free --out batch.onnx

# A server and a Python program give the answer that predict gives.
serve run/plan
curl -sS -m 20 --data-binary @run/easiest.png -H 'Content-Type: image/png' "$url/v2/models/$(sed -n 's/^serving \(.*\) at .*/\1/p' served.txt)/infer" > served.json || fail "curl"
stop_server
"$triage" predict run/plan run/easiest.png --json > predicted.json
served_as_predicted served.json predicted.json
if [ -d "$3/triage" ]; then
  PYTHONPATH=$3 PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - > python.json <<'END' || fail "the Python program"
import json, triage
outcome = triage.Classifier("run/plan").classify("run/easiest.png")
print(json.dumps({"class": outcome.label, "exit": outcome.exit, "probability": outcome.probability}))
END
  jq -e --slurpfile predicted predicted.json '$predicted[0].images[0] as $p | .class == $p.class and .exit == $p.exit and ((.probability - $p.probability) | fabs) < 1e-6' python.json > /dev/null ||
    fail "Python says $(cat python.json), predict $(cat predicted.json)"
fi

# A supernet whose steps draw the size, and a plan of two nets that are cut from it.
{ tiny_config sides; cat <<END; } > cut.toml
[supernet]
space = "residual:8-8-16:24:8x1,x1?/2@16:24:4"
random_subnets = 1
epochs = 4
batch = 50

[[stage]]
name = "small"
arch = "residual:8-8-16/2@16"
from = "supernet"
epochs = 0

[[stage]]
name = "large"
arch = "residual:8-8-24x2/2@24"
from = "supernet"
epochs = 0
END
quietly "$triage" run cut.toml --run cut
check_plan cut residual:8-8-16/2 residual:8-8-24x2/2
quietly "$triage" build cut --precision int8
jq -e '.stages | keys == ["large", "small"]' cut/int8.json > /dev/null || fail "expected what was tried of both: $(cat cut/int8.json)"
jq -e '.stages | .[0].preprocess.height == 16 and (.[1] | has("preprocess") | not)' cut/plan/plan.json > /dev/null ||
  fail "expected the sizes kept: $(jq -c '[.stages[] | [.precision, .preprocess]]' cut/plan/plan.json)"
sed 's|x2/2@24|x2/2@28|' cut.toml > other.toml
refused 1 "side: expected 16 to 24 by 4, found 28" "$triage" train other.toml --run other
[ ! -e other/metrics.jsonl ] || fail "a refused training began"
echo "resolution_test: ok"
