#!/usr/bin/env bash
# Supernets of the families residual and mbconv, as a user asks them: answers of subnets, kept and shared, cut, packed,
# against nets trained alone; a search over each, killed and gone on with, and over both; plans of their fronts.
# usage: family_search_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
"$triage" data generate --out tiny.tds --height 16 --width 16 --train 1200 --test 200 > /dev/null
declare -A space=(
  [residual]='residual:8-8:12:4x1,x1?-16:24:8s4/2'
  [mbconv]='mbconv:8-8e1-16:24:8k3:5:2e2:3:1,k3:5:2e2:3:1?/2-c32:48:16h')
declare -A middle=([residual]='residual:8-8x2-16s4/2' [mbconv]='mbconv:8-8e1-16k5e2/2-c32h')

train() {  # FAMILY: its supernet in FAMILY/
  cat > "$1.toml" << T
name = "tiny-$1"
seed = 7
threads = 2
[data]
file = "$work/tiny.tds"
route = 200
validation = 200
[supernet]
space = "${space[$1]}"
exits = [0]
random_images = 25
epochs = 4
batch = 50
T
  quietly "$triage" train "$1.toml" --run "$1"
}

subnets() {  # FAMILY
  local family=$1 sub=${middle[$1]}
  quietly "$triage" subnets eval "$family" --arch largest --arch smallest --arch "$sub" --random 2 --json
  mv out.txt first.json
  jq -e '.asked == 5 and .exits == [0] and (.subnets | all(.accuracy | length == 2))' first.json > /dev/null || fail "unexpected answers: $(cat first.json)"
  # Far above the chance of 1/4: a subnet whose batch statistics are not its own would be at it.
  jq -e '.subnets[0].accuracy[1] > 0.5 and ([.subnets[].accuracy[1]] | min) > 0.35' first.json > /dev/null || fail "expected better answers: $(jq -c .subnets first.json)"
  quietly "$triage" arch "$sub" --input 3x16x16 --classes 4 --json
  [ "$(jq .macs out.txt)" = "$(jq '.subnets[2].macs' first.json)" ] || fail "expected the MACs of triage arch: $(cat out.txt)"

  # Two processes share the work; what is in the store is not asked again.
  local first=0 second=0
  "$triage" subnets eval "$family" --random 8 --json > a.json 2> a.txt & first=$!
  "$triage" subnets eval "$family" --random 8 --json > b.json 2> b.txt & second=$!
  wait $first || fail "$(cat a.txt)"
  wait $second || fail "$(cat b.txt)"
  [ "$(jq -c .subnets a.json)" = "$(jq -c .subnets b.json)" ] || fail "two processes have other answers"
  quietly "$triage" subnets eval "$family" --arch largest --arch smallest --arch "$sub" --random 5 --json
  jq -e --slurpfile first first.json '.asked == 0 and .subnets[:3] == $first[0].subnets[:3]' out.txt > /dev/null || fail "expected the same from the store: $(cat out.txt)"
  quietly "$triage" subnets eval "$family" --arch "$sub" --split test --json
  refused 1 "'8-16'" "$triage" subnets eval "$family" --arch 8-16

  # A subnet as files of its own, and as a stage of a run.
  quietly "$triage" subnets cut "$family" "$sub" --out "$family-middle.onnx"
  quietly "$triage" subnets cut "$family" largest --out "$family-large.onnx"
  [ "$(stat -c %s "$family-middle.onnx")" -lt "$(stat -c %s "$family-large.onnx")" ] || fail "expected a smaller subnet's files"
  {
    sed '/^\[supernet\]/,$d' "$family.toml"
    printf '[[stage]]\nname = "net"\narch = "%s"\nfrom = "%s"\nexits = [0]\nepochs = 0\n' "$sub" "$work/$family-middle.pt"
    printf '[router]\nsteps = 40\nrepeats = 1\n[build]\nprofile_seconds = 0.1\nsingle_net = false\n'
  } > cut.toml
  quietly "$triage" run cut.toml --run "$family-cut"
  jq -e '.test.static | length == 2 and all(.accuracy > 0.3)' "$family-cut/results.json" > /dev/null ||
    fail "expected a net that learned: $(jq -c '[.test.static[].accuracy]' "$family-cut/results.json")"

  # Packed in bf16: fewer bytes, nearly the same answers.
  quietly "$triage" subnets pack "$family" --out "$family-zoo"
  [ "$(stat -c %s "$family-zoo/supernet.pt")" -lt "$(stat -c %s "$family/supernet.pt")" ] || fail "packing saved nothing"
  quietly "$triage" subnets eval "$family-zoo" --arch largest --json
  jq -e --slurpfile whole first.json '(.subnets[0].accuracy[1] - $whole[0].subnets[0].accuracy[1]) | fabs < 0.05' out.txt > /dev/null ||
    fail "packing changed the answers: $(jq -c .subnets out.txt)"

  # Against nets trained alone by the same recipe.
  quietly "$triage" subnets alone "$family.toml" --arch largest --arch "$sub" --arch smallest
  mv out.txt alone.toml
  quietly "$triage" train alone.toml --run "$family-alone"
  quietly "$triage" subnets compare "$family" --alone "$family-alone" --record record.json --picture subnets.png --json
  mv out.txt compare.json
  jq -e '(.subnets | length == 3 and all(.alone > 0.3)) and (.figures | has("largest.gap_points") and has("subnets.mean_gap_points"))' compare.json > /dev/null ||
    fail "unexpected comparison: $(cat compare.json)"
  quietly "$triage" subnets compare "$family" --alone record.json --json --figures "$family-figures.json"
  [ "$(jq -c '[.subnets[] | del(.origin)], .figures' out.txt)" = "$(jq -c '[.subnets[] | del(.origin)], .figures' compare.json)" ] || fail "the record changed the comparison"
  jq -e --arg key "$family.subnets.mean_gap_points" '.figures | has($key)' "$family-figures.json" > /dev/null ||
    fail "expected figures with the family's name: $(cat "$family-figures.json")"
}

search_config() {  # NAME SUPERNETS
  cat > "$1.toml" << T
name = "$1"
seed = 3
[search]
$2
axis = "macs"
policies = ["confidence", "margin"]
initial_subnets = 10
max_subnets = 20
batch = 10
population = 20
max_trials = 120
patience = 100
profile_seconds = 0.2
T
}
has_trial() { sqlite3 "$1/search.sqlite" 'SELECT genome FROM triage_trials' | grep -- "$2" > /dev/null; }  # RUN GENOMES
quick=(--set build.profile_seconds=0.1 --set router.steps=32 --set router.repeats=1)

search() {  # FAMILY
  local run=search-$1
  search_config "$run" "supernet = \"$1\""
  quietly "$triage" search "$run.toml" --run "$run" --json
  jq -e --arg family "$1:" '.points | length > 0 and all(.genome | test(": " + $family))' out.txt > /dev/null || fail "expected a front of $1: $(cat out.txt)"
  python3 "$source/tests/check_schema.py" "$source/docs/schema" front "$run/front.json" || [ $? = 77 ] || fail "front.json does not fit its schema"
  mkdir killed && cp "$run"/layer_costs.json killed/
  trials() { sqlite3 -cmd '.timeout 10000' killed/search.sqlite 'SELECT count(*) FROM triage_trials' 2> /dev/null || echo 0; }
  kill_at_work "[ \$(trials) -gt 0 ]" "$triage" search "$run.toml" --run killed
  quietly "$triage" search "$run.toml" --run killed
  [ "$(jq -c .points "$run/front.json")" = "$(jq -c .points killed/front.json)" ] || fail "the killed search found another front"
  rm -r killed

  # Plans: the knee, and one with an early exit, whose stages are parts of one net.
  quietly "$triage" build "$run" --knee --json
  quietly "$triage" eval "$run/plan" --data tiny.tds
  search_config "$run-exits" "supernet = \"$1\"
cascades = false"
  mkdir "$run-exits" && cp "$run"/layer_costs.json "$run-exits/"
  quietly "$triage" search "$run-exits.toml" --run "$run-exits"
  jq '.points |= map(select(.genome | test("@exit0"))) | del(.checksum)' "$run-exits/front.json" > front.json && mv front.json "$run-exits/front.json"
  quietly "$triage" build "$run-exits" --json
  jq -e '.stages | length == 2 and .[1].input == "features" and .[1].source == 0' out.txt > /dev/null || fail "expected an early exit: $(cat out.txt)"
  quietly "$triage" eval "$run-exits/plan" --data tiny.tds --json
  quietly "$triage" refine "$run-exits" --epochs 1 --out "$run-refined.toml"
  quietly "$triage" run "$run-refined.toml" --run "$run-refined" "${quick[@]}"
}

for family in residual mbconv; do
  train $family
  subnets $family
  search $family
done

# Both at once: each net of a plan is cut from the supernet of its family.
search_config both 'supernets = ["residual", "mbconv"]
early_exits = false'
quietly "$triage" search both.toml --run both --json
jq -e '.singles | any(.genome | test("residual:")) and any(.genome | test("mbconv:"))' both/front.json > /dev/null || fail "expected nets of both: $(jq -c '[.singles[].genome]' both/front.json)"
[ -s both/residual/layer_costs.json ] && [ -s both/mbconv/layer_costs.json ] || fail "expected a table of each: $(ls both)"
has_trial both 'residual:.* > mbconv:\|mbconv:.* > residual:' || fail "expected plans of both families"
genome="confidence: ${middle[residual]} > ${middle[mbconv]}"  # one of them, whatever the front has
jq --arg genome "$genome" '.points = [.points[0] | .genome = $genome | .thresholds = [0.5] | .reach = [1, 0.5]] | del(.checksum)' both/front.json > front.json
cp front.json both/front.json
quietly "$triage" build both --json
macs=$(for net in "${middle[residual]}" "${middle[mbconv]}"; do "$triage" arch "$net" --input 3x16x16 --classes 4 --json | jq .macs; done | jq -cs .)
[ "$(jq -c '[.stages[].macs]' out.txt)" = "$macs" ] || fail "expected nets of both families, of $macs: $(cat out.txt)"
quietly "$triage" eval both/plan --data tiny.tds
search_config twice 'supernets = ["residual", "residual-zoo"]'
refused 1 "expected supernets of different families, found two of residual" "$triage" search twice.toml --run twice

# In both precisions, and what int8 answers is near fp32: one net of each, with an exit.
search_config int8 "supernet = \"mbconv\"
precisions = [\"fp32\", \"int8\"]"
mkdir int8 && cp search-mbconv/layer_costs.json int8/
quietly "$triage" search int8.toml --run int8 --json
[ -s int8/layer_costs_int8.json ] || fail "expected a table of costs in int8: $(ls int8)"
[ "$(sqlite3 mbconv/subnets_validation_int8.sqlite 'SELECT count(*) FROM subnets')" -ge 10 ] || fail "expected answers in int8"
genome="confidence: ${middle[mbconv]}/int8@exit0"
jq --arg genome "$genome" '.points = [.points[0] | .genome = $genome | .thresholds = [0.5] | .reach = [1, 0.5]] | del(.checksum)' int8/front.json > front.json
cp front.json int8/front.json
quietly "$triage" build int8 --json
jq -e '.stages | length == 2 and .[1].input == "features"' out.txt > /dev/null || fail "expected an early exit: $(cat out.txt)"
quietly "$triage" eval int8/plan --data tiny.tds

# Nets as they are beside the subnets: those of a run's plan, trained on the supernet's images. A plan of one of each.
{ tiny_config alone; cat <<END; } > nets.toml
[[stage]]
name = "theirs"
arch = "8-16"
epochs = 4
batch = 50

[[stage]]
name = "larger"
arch = "residual:8-8x2-24x2/2"
epochs = 4
batch = 50
END
quietly "$triage" run nets.toml --run nets
search_config fixed 'supernet = "mbconv"
nets = ["nets/plan"]
answers_together = true
early_exits = false'
mkdir fixed && cp search-mbconv/layer_costs.json fixed/
quietly "$triage" search fixed.toml --run fixed --json
jq -e '.singles | any(.genome | endswith(" fixed:theirs")) and any(.genome | test("mbconv:"))' fixed/front.json > /dev/null || fail "expected their net and ours: $(jq -c '[.singles[].genome]' fixed/front.json)"
jq -e '.latency_us | keys == ["larger", "theirs"] and all(. > 0)' fixed/fixed_costs.json > /dev/null || fail "expected both measured: $(cat fixed/fixed_costs.json)"
has_trial fixed 'fixed:[a-z]* > mbconv:\|mbconv:.* > fixed:' || fail "expected plans of both kinds"
has_trial fixed '+together: ' || fail "expected plans whose exits answer together"
cp -r fixed mixed
jq --arg genome "confidence: fixed:theirs > ${middle[mbconv]}" '.points = [.points[0] | .genome = $genome | .thresholds = [0.5] | .reach = [1, 0.5]] | del(.checksum)' fixed/front.json > mixed/front.json
quietly "$triage" build mixed --json
jq -e --slurpfile nets nets/plan/plan.json '.stages | map(.macs) == [$nets[0].stages[0].macs, .[1].macs] and .[0].name == "net1"' out.txt > /dev/null || fail "expected their net and ours: $(cat out.txt)"
quietly "$triage" eval mixed/plan --data tiny.tds --json
accuracy=$(jq '.test.static[0].accuracy' nets/results.json)
jq -e --argjson whole "$accuracy" '.test.static[0].accuracy == $whole' out.txt > /dev/null || fail "expected $accuracy of their net: $(jq -c '[.test.static[].accuracy]' out.txt)"
# Refined: ours learns from theirs, which stays as it is.
jq --arg genome "confidence: ${middle[mbconv]} > fixed:theirs" '.points[0].genome = $genome' mixed/front.json > front.json && mv front.json mixed/front.json
mkdir -p configs
quietly "$triage" refine mixed --knee --epochs 1 --out configs/refined.toml
quietly "$triage" run configs/refined.toml --run mixed-refined "${quick[@]}"
[ -e mixed-refined/net1.pt ] || fail "expected our net trained on"
jq -e --argjson whole "$accuracy" '.test.static[-1].accuracy == $whole' mixed-refined/results.json > /dev/null || fail "expected $accuracy of their net: $(jq -c '[.test.static[].accuracy]' mixed-refined/results.json)"
jq '.points[0] |= (.genome = "confidence: fixed:theirs" | .thresholds = [] | .reach = [1])' mixed/front.json > front.json && mv front.json mixed/front.json
refused 1 "expected a subnet, which can be trained on" "$triage" refine mixed --knee --out never.toml
[ -z "$(ls | grep '^never')" ] || fail "expected nothing of a refusal, found $(ls | grep '^never')"
sed 's|"nets/plan"|"nets/plan", "nets/plan"|' fixed.toml > twice.toml
refused 1 "expected nets of different names, found two 'theirs'" "$triage" search twice.toml --run twice
sed 's/^seed = 7/seed = 8/' nets/config.toml > config.toml && mv config.toml nets/config.toml
refused 1 "nets/plan: its nets were trained on" "$triage" search fixed.toml --run never
# Nets of another family are no subnets.
refused 1 "expected nets trained alone in the runs, found none" "$triage" subnets compare residual --alone record.json
grep -q 'is left out: it is not in the space' err.txt || fail "expected a note: $(cat err.txt)"
echo "family_search_test: ok"
