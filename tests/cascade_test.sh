#!/usr/bin/env bash
# triage cascade on ONNX files of nets that were trained on generated images, as a user runs it: to a plan that other
# commands take, and what is refused.
# usage: cascade_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

"$triage" data generate --out tiny.tds --train 1400 --test 300 > /dev/null
sed "s|DATA|tiny.tds|" "$source/tests/tiny.toml" > tiny.toml
"$triage" run tiny.toml --run run > /dev/null 2> log.txt || fail "$(cat log.txt)"
mkdir nets && cp run/plan/little.onnx run/plan/big.onnx nets/
sha256sum nets/* > nets.sums

cascade() { "$triage" cascade nets/little.onnx nets/big.onnx --data tiny.tds --seconds 0.1 --out "$@"; }
cascade plan > table.txt 2> log.txt || fail "$(cat log.txt)"
sha256sum --quiet -c nets.sums || fail "the nets were changed"
for words in '^little: .* answers logits' '^big: ' 'preprocessing found on 140 images' '0..1 rgb' 'alone' '<- the plan' \
  'has no validation images of its own' 'on 300 test images: '; do
  grep -q -- "$words" table.txt || fail "expected '$words': $(cat table.txt)"
done
# The nets were trained on values from 0 to 1, normalised inside: that is found.
jq -e '[.nets[].trials[0] | .preprocess.scale * 255 | . > 0.99 and . < 1.01] | all' plan/cascade.json > /dev/null || fail "$(jq -c '.nets[].trials[0]' plan/cascade.json)"
jq -e '.version == 1 and (.front | length >= 1) and ([.front[] | .accuracy] | . == (sort | unique))
  and ([.front[] | .mean_latency_us] | . == (sort | unique)) and .chosen < (.front | length)' plan/cascade.json > /dev/null ||
  fail "unexpected $(jq -c '{front, chosen}' plan/cascade.json)"
jq -e 'all(.stages[]; has("preprocess") and (has("arch") | not) and .macs > 0 and .cost.prepare_us > 0)' plan/plan.json > /dev/null ||
  fail "unexpected $(jq -c '.stages' plan/plan.json)"
[ -s plan/report.html ] && [ -s plan/results.json ] || fail "expected a report: $(ls plan)"
python3 "$source/tests/check_schema.py" "$source/docs/schema" plan plan/plan.json || [ $? = 77 ] || fail "plan.json does not fit its schema"

# Other commands take the plan; its promise holds.
"$triage" eval plan --data tiny.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.test.latency.agreement == 1 and .test.count == 300' eval.json > /dev/null || fail "$(jq -c .test.latency eval.json)"
"$triage" profile plan --data tiny.tds --seconds 0.05 > out.txt 2> log.txt || fail "$(cat log.txt)"

# The best there is, and one net alone where that is asked for.
best=$(jq '.front[-1].accuracy * 99' plan/cascade.json)
cascade best --accuracy "$best%" --json > best.json 2> log.txt || fail "$(cat log.txt)"
cascade single --max-stages 1 --json > single.json 2> log.txt || fail "$(cat log.txt)"
jq -e 'all(.front[]; .nets | length == 1)' single.json > /dev/null || fail "expected single nets: $(jq -c .front single.json)"
jq -e '.stages | length == 1' single/plan.json > /dev/null || fail "expected one stage"

# Said by the user, or by a file beside the net.
jq '.nets[0].preprocess' plan/cascade.json > nets/little.preprocess.json
cascade said --preprocess big=nets/little.preprocess.json > said.txt 2> log.txt || fail "$(cat log.txt)"
[ "$(grep -c '^  preprocessing: nets/little.preprocess.json' said.txt)" = 2 ] || fail "unexpected $(cat said.txt)"
rm nets/little.preprocess.json

# Refused by name; the plan of before stays.
sha256sum plan/* > plan.sums
refused 2 "--preprocess: expected one of the nets little, big, found 'nobody'" cascade plan --preprocess nobody=x.json
refused 1 "expected files of different names" "$triage" cascade nets/little.onnx run/plan/little.onnx --data tiny.tds --out plan
refused 1 "outputs: found 'logits' FLOAT [?, 10]" "$triage" cascade "$source/zoo/cifar10-pair/little.onnx" --data tiny.tds --out plan
head -c 500 nets/big.onnx > nets/cut.onnx
refused 1 "nets/cut.onnx: damaged: expected an ONNX model" "$triage" cascade nets/cut.onnx --data tiny.tds --out plan
seq 4 > numbers.txt
refused 1 "classes: expected one named" cascade plan --classes big=numbers.txt
refused 1 "not reachable, the cheapest path takes" cascade plan --latency 0.001us
sha256sum --quiet -c plan.sums || fail "a refused command changed the plan"
# A file that is changed behind the plan.
stage=$(jq -r '.stages[0].onnx' plan/plan.json)
printf 'x' >> "plan/$stage"
refused 1 "$stage" "$triage" eval plan --data tiny.tds
echo "cascade_test: ok"
