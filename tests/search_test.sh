#!/usr/bin/env bash
# The joint search on a supernet of generated images, as a user runs it: killed and resumed, two processes on one study,
# budgets, plans built from its front, and what is refused. Its costs are made up.
# usage: search_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

"$triage" data generate --out tiny.tds --train 1400 --test 200 > /dev/null
sed "s|DATA|tiny.tds|" "$source/tests/tiny_supernet.toml" > tiny.toml
"$triage" train tiny.toml --run net > /dev/null 2> log.txt || fail "$(cat log.txt)"
quick=(--set build.profile_seconds=0.1 --set router.steps=32 --set router.repeats=1)
cat > search.toml << 'T'
name = "tiny-search"
seed = 3
[search]
supernet = "net"
initial_subnets = 12
max_subnets = 30
batch = 10
population = 40
max_trials = 300
patience = 100
profile_seconds = 0.3
T
made_up_costs costs.json --seconds 0.3

# A table for each provider, number of threads and precision; what is complete is not measured again.
mkdir combinations && sed 's/^space = .*/space = "8-8-8"/' tiny.toml > combinations/config.toml
combine() { "$triage" costs combinations --seconds 0.05 --provider cpu,xnnpack --precision fp32,int8 --json > tables.json 2> log.txt || fail "$(cat log.txt)"; }
combine
"$triage" costs combinations --seconds 0.05 --threads 1,2 > out.txt 2> log.txt || fail "$(cat log.txt)"
[ "$(cd combinations && echo layer_costs*)" = "layer_costs.json layer_costs_2_threads.json layer_costs_int8.json layer_costs_int8_xnnpack.json layer_costs_xnnpack.json" ] ||
  fail "unexpected tables: $(ls combinations)"
jq -e 'map([.provider, .precision]) == [["cpu", "fp32"], ["cpu", "int8"], ["xnnpack", "fp32"], ["xnnpack", "int8"]]' tables.json > /dev/null || fail "$(cat tables.json)"
sha256sum combinations/layer_costs*.json > tables.sums
combine
sha256sum --quiet -c tables.sums || fail "a complete table was measured again"

# Killed again and again, then to the end: the same trials as in one go. Both with the same table of costs.
mkdir -p whole killed
cp costs.json whole/layer_costs.json
cp costs.json killed/layer_costs.json
"$triage" search search.toml --run whole > whole.txt 2> log.txt || fail "$(cat log.txt)"
trials() { sqlite3 -cmd '.timeout 10000' killed/search.sqlite 'SELECT count(*) FROM triage_trials' 2> /dev/null || echo 0; }
for round in 1 2 3 4; do
  kill_at_work "[ \$(trials) -gt $(trials) ]" "$triage" search search.toml --run killed
done
[ ! -e killed/front.json ] || fail "expected the killed search to be unfinished"
"$triage" search search.toml --run killed --json > killed.json 2> log.txt || fail "$(cat log.txt)"
[ "$(jq -c .points whole/front.json)" = "$(jq -c .points killed/front.json)" ] || fail "the killed search found another front"
python3 "$source/tests/check_schema.py" "$source/docs/schema" front whole/front.json killed/front.json || [ $? = 77 ] ||
  fail "expected front.json to fit its schema"
jq -e '.points | length > 0' killed.json > /dev/null || fail "expected a front: $(cat killed.json)"
[ -s whole/front.png ] || fail "expected a picture"
grep -q 'next: triage build whole' whole.txt || fail "unexpected output: $(cat whole.txt)"

# Two processes on one study.
mkdir both && cp costs.json both/layer_costs.json
"$triage" search search.toml --run both > /dev/null 2> a.txt & first=$!
"$triage" search search.toml --run both > /dev/null 2> b.txt & second=$!
wait $first || fail "$(cat a.txt)"
wait $second || fail "$(cat b.txt)"
jq -e '.points | length > 0' both/front.json > /dev/null || fail "expected a front of two processes"

# Plans from the front: the knee, by accuracy, and one with an early exit, run for real.
"$triage" build whole --knee --json > plan.json 2> log.txt || fail "$(cat log.txt)"
"$triage" eval whole/plan --data tiny.tds > eval.txt 2> log.txt || fail "$(cat log.txt)"
best=$(jq '.points[-1].accuracy' whole/front.json)
"$triage" build whole --accuracy "$(echo "$best * 0.9" | bc -l)" --json > plan.json 2> log.txt || fail "$(cat log.txt)"
sed 's/^initial_subnets/cascades = false\npolicies = ["margin"]\n&/; s/tiny-search/exits-only/' search.toml > exits.toml
mkdir exits && cp costs.json exits/layer_costs.json
"$triage" search exits.toml --run exits --json > exits.json 2> log.txt || fail "$(cat log.txt)"
jq -e 'all(.points[]; .genome | test(" > ") | not) and any(.points[]; .genome | test("@"))' exits.json > /dev/null ||
  fail "expected early exits alone: $(jq -c '[.points[].genome]' exits.json)"
jq '.points |= map(select(.genome | test("@"))) | del(.checksum)' exits/front.json > front.json && mv front.json exits/front.json
"$triage" build exits --json > plan.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.stages | length == 2 and .[1].input == "features" and .[1].source == 0' plan.json > /dev/null || fail "expected an early exit: $(cat plan.json)"
"$triage" eval exits/plan --data tiny.tds > eval.txt 2> log.txt || fail "$(cat log.txt)"

# A plan's nets trained on together, as a run of its own.
"$triage" refine exits --epochs 1 --out refined.toml > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q '^exits = ' refined.toml || fail "expected exits: $(cat refined.toml)"
"$triage" run refined.toml "${quick[@]}" --run refined --json > refined.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.plan.stages | length == 2' refined.json > /dev/null || fail "expected two stages: $(cat refined.json)"
"$triage" refine whole --accuracy "$(echo "$best * 0.5" | bc -l)" --epochs 1 --out best.toml > out.txt 2> log.txt || fail "$(cat log.txt)"
"$triage" train best.toml "${quick[@]}" --run best > out.txt 2> log.txt || fail "$(cat log.txt)"
code=0
"$triage" refine whole --out refined.toml > out.txt 2> err.txt || code=$?
[ $code = 2 ] && grep -q 'expected a file that does not exist yet' err.txt || fail "refine overwrites: $(cat err.txt)"
"$triage" eval refined/plan --data tiny.tds --no-latency --figures figures.json --as exits > eval.txt 2> log.txt || fail "$(cat log.txt)"
jq -e '.figures | has("exits.accuracy") and has("exits.mean_mmac")' figures.json > /dev/null || fail "$(cat figures.json)"
refused 1 "expected a plan of at most 0.001 MMAC in the mean" "$triage" eval refined/plan --data tiny.tds --no-latency \
  --figures figures.json --as exits --max-mmac 0.001

# The ablation, and again from what it kept.
sed 's/tiny-search/ablation/; $a hand_picked = "8-8-16 > 12-16-32"' search.toml > ablation.toml
mkdir ablation && cp costs.json ablation/layer_costs.json
"$triage" search ablation.toml --run ablation --ablation --seeds 2 --trials 120 --figures search.json > table.txt 2> log.txt ||
  fail "$(cat log.txt)"
for method in joint random 'cascade only' 'early exits only' unrouted 'independent pairs' independent hand-picked static; do
  grep -q "^$method " table.txt || fail "expected a row of '$method': $(cat table.txt)"
done
jq -e '.seeds | length == 2' ablation/ablation.json > /dev/null || fail "expected two seeds"
[ -s ablation/ablation.png ] || fail "expected a picture of the ablation"
"$triage" search ablation.toml --run ablation --ablation --seeds 2 --trials 120 --json > again.json 2> log.txt || fail "$(cat log.txt)"
[ "$(jq -c . again.json)" = "$(jq -c . ablation/ablation.json)" ] || fail "the ablation is not the same a second time"

# Precision as a gene: int8 nets are scored, on the front where they win, built in int8 and run.
made_up_costs costs_int8.json --seconds 0.3 --precision int8
sed 's/tiny-search/int8/; s/^initial_subnets/precisions = ["fp32", "int8"]\n&/' search.toml > int8.toml
mkdir int8 && cp costs.json int8/layer_costs.json && cp costs_int8.json int8/layer_costs_int8.json
"$triage" search int8.toml --run int8 --json > int8.json 2> log.txt || fail "$(cat log.txt)"
jq -e '[.singles[].genome] | any(test("/int8")) and any(test("/int8") | not)' int8.json > /dev/null ||
  fail "expected nets in both precisions: $(jq -c '[.singles[].genome]' int8.json)"
"$triage" search int8.toml --run int8 > int8.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'precision of the nets *plan$' int8.txt && grep -qE ' (fp32|int8)( > (fp32|int8))* +[a-z]+: ' int8.txt || fail "expected the nets' precision: $(cat int8.txt)"
jq '.points = [.singles[] | select(.genome | test("/int8"))] | del(.checksum)' int8/front.json > front.json && mv front.json int8/front.json
"$triage" build int8 --knee --json > plan.json 2> log.txt || fail "$(cat log.txt)"
jq -e 'all(.stages[]; .precision == "int8" and .weight_bytes < 4 * .parameters)' plan.json > /dev/null || fail "expected int8: $(cat plan.json)"
jq -e '.stages | all(.tried.divergence | length == 3)' int8/int8.json > /dev/null || fail "expected three methods of ranges"
"$triage" eval int8/plan --data tiny.tds > eval.txt 2> log.txt || fail "$(cat log.txt)"
"$triage" refine int8 --epochs 1 --out trained8.toml > out.txt 2> log.txt || fail "$(cat log.txt)"
"$triage" train trained8.toml "${quick[@]}" --run trained8 > /dev/null 2> log.txt || fail "$(cat log.txt)"
for precision in fp32 int8; do
  "$triage" build trained8 --precision $precision --json > plan.json 2> log.txt || fail "$(cat log.txt)"
  jq -e --arg p $precision 'all(.stages[]; .precision == $p)' plan.json > /dev/null || fail "expected $precision"
  cp -r trained8/plan plan_$precision
done
"$triage" compare plan_int8 plan_fp32 --data tiny.tds --latency-images 64 --figures figures.json --as int8 > compare.txt 2> log.txt ||
  fail "$(cat log.txt)"
grep -q 'first - second' compare.txt || fail "unexpected comparison: $(cat compare.txt)"
jq -e '.figures | has("int8.big_loss_points") and has("int8.plan_speedup")' figures.json > /dev/null || fail "$(cat figures.json)"
mkdir mixed && cp costs.json mixed/layer_costs.json && cp costs.json mixed/layer_costs_int8.json
refused 1 "precision: found 'fp32', where the costs were measured, expected 'int8'" "$triage" search int8.toml --run mixed

# Budgets: kept, or refused with the closest plan.
sed 's/tiny-search/budget/; $a [search.budget]\nmodel_kb = 20' search.toml > budget.toml
mkdir budget && cp costs.json budget/layer_costs.json
"$triage" search budget.toml --run budget --json > budget.json 2> log.txt || fail "$(cat log.txt)"
jq -e 'all(.points[]; .model_kb <= 20) and (.infeasible | length > 0)' budget.json > /dev/null || fail "a budget was broken"
sed 's/tiny-search/impossible/; $a [search.budget]\nmean_latency_us = 0.01' search.toml > impossible.toml
mkdir impossible && cp costs.json impossible/layer_costs.json
refused 1 "no plan keeps the budgets: the closest one, '" "$triage" search impossible.toml --run impossible

# Another search, other costs, bad configurations.
sed 's/^seed = 3/seed = 4/' search.toml > seed.toml
refused 1 "this run began with another configuration" "$triage" search seed.toml --run whole
mkdir seed && cp costs.json seed/layer_costs.json
refused 1 "seed" "$triage" search seed.toml --run seed --study whole/search.sqlite
refused 1 "'search.axis': expected latency, macs or energy, found 'speed'" "$triage" search <(sed '/^supernet/a axis = "speed"' search.toml) --run bad
refused 1 "'search.provider': expected cpu, xnnpack, compiled or compiled-untuned, found 'gpu'" "$triage" search <(sed '/^supernet/a provider = "gpu"' search.toml) --run bad
refused 1 "search.axis: expected a cost that the search can predict, found energy (" "$triage" search <(sed '/^supernet/a axis = "energy"' search.toml) --run energy
sed '$a [search.budget]\nmean_energy_uj = 50' search.toml > energy.toml
refused 1 "search.budget.mean_energy_uj: expected a cost that the search can predict, found energy (" "$triage" search energy.toml --run energy-budget
refused 1 "no plan of the front has a mean latency of at most 0.001: the least, of " "$triage" build budget --latency 0.001us
cp -r budget capped  # tiny nets may well have everything right
jq '.points[].accuracy *= 0.9 | del(.checksum)' budget/front.json > capped/front.json
refused 1 "no plan of the front has 100.00 % validation accuracy: the most accurate, '" "$triage" build capped --accuracy 100%
refused 1 "expected the front of a search, found none" "$triage" build seed
echo "search_test: ok"
