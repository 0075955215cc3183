#!/usr/bin/env bash
# triage coopt on a supernet of generated images, as a user runs it: three cost models whose tables are made up, killed
# and resumed, and what is refused.
# usage: coopt_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

"$triage" data generate --out tiny.tds --train 1400 --test 200 > /dev/null
sed 's|DATA|tiny.tds|; s/^epochs = .*/epochs = 1/' "$source/tests/tiny_supernet.toml" > tiny.toml
"$triage" train tiny.toml --run net > /dev/null 2> log.txt || fail "$(cat log.txt)"
cat > coopt.toml << 'T'
name = "tiny-coopt"
seed = 3
[search]
supernet = "net"
initial_subnets = 12
batch = 40
population = 40
profile_seconds = 0.3
T
made_up_costs costs.json --seconds 0.3

version=$("$triage" --version | awk 'NR == 1 { print $2 }')  # the compiled engine's, too
# Tables of other providers: a stage's time raised to a power, and scaled, so that other nets look cheap.
tables() {  # directory
  mkdir -p "$1"
  cp costs.json "$1/layer_costs.json"
  table "$1" compiled-untuned 1.3 0.8
  table "$1" compiled 0.5 3
}
table() {  # directory provider power scale
  jq --arg version "$version" --arg provider "$2" --argjson power "$3" --argjson scale "$4" '.provider = $provider | .engine = "compiled" | .engine_version = $version
    | (.layers[].samples_us[], .stages[].samples_us[]) |= pow(.; $power) * $scale | del(.checksum)' costs.json > "$1/layer_costs_$2.json"
}

coopt() { "$triage" coopt coopt.toml --seeds 2 --trials 120 --run "$@"; }
tables run
coopt run --figures compiler.json --picture copy.png > table.txt 2> log.txt || fail "$(cat log.txt)"
grep -q "^plans of seed 3; true: under the costs of 'compiled'" table.txt || fail "unexpected table: $(cat table.txt)"
for model in cpu compiled-untuned compiled; do
  [ "$(grep -cE "^$model +[0-9.]+ +[0-9.]+ .*: [0-9]" table.txt)" -ge 2 ] || fail "expected plans of '$model': $(cat table.txt)"
done
grep -qE "^cpu +largest .* at [0-9.]+ %" table.txt || fail "expected where the regret is largest: $(cat table.txt)"
jq -e '.version == 1 and .deployed == "compiled" and (.seeds | length == 2) and ([.costs[].model] == ["cpu", "compiled-untuned", "compiled"])
  and ([.costs[].identity] | unique | length == 3)
  and all(.seeds[]; (.fronts | length == 3) and (.grid | length > 1) and all(.grid[].choices[]; .accuracy > 0 and .cost > 0))
  and all(.seeds[].grid[].choices[] | select(.model == "compiled"); .regret_percent == 0)
  and (.regret[0].largest.regret_percent | .interval | length == 2)' run/coopt.json > /dev/null || fail "unexpected $(jq -c 'del(.seeds, .regret[].at)' run/coopt.json)"
jq -e '.figures | has("coopt.regret_percent") and has("coopt.regret_at_percent") and has("coopt.compiled_untuned_regret_percent")
  and ."coopt.regret_percent".n == 2' compiler.json > /dev/null || fail "$(cat compiler.json)"
[ -s run/coopt.png ] && cmp -s run/coopt.png copy.png || fail "expected a picture"

# Killed again and again, then to the end: the same; and again from what it kept, nothing scored a second time.
tables killed
for studies in 1 2 4; do  # of two seeds under three cost models
  kill_at_work "[ \$(ls killed/coopt/*.sqlite | wc -l) -ge $studies ]" "$triage" coopt coopt.toml --seeds 2 --trials 120 --run killed
done
[ ! -e killed/coopt.json ] || fail "expected the killed run to be unfinished"
coopt killed --json > killed.json 2> log.txt || fail "$(cat log.txt)"
compared='del(.command, .date)'
[ "$(jq -cS "$compared" run/coopt.json)" = "$(jq -cS "$compared" killed.json)" ] || fail "the killed run found something else"
sha256sum run/coopt/*.sqlite net/subnets_*.sqlite > studies.sums
coopt run --at 50%,0.6 --json > again.json 2> log.txt || fail "$(cat log.txt)"
sha256sum --quiet -c studies.sums || fail "something was searched or scored again"
jq -e '[.seeds[0].targets[].accuracy] == [0.5, 0.6]' again.json > /dev/null || fail "$(jq -c '[.seeds[0].targets[].accuracy]' again.json)"

# What is refused.
refused 2 "--costs: expected some of cpu, xnnpack, compiled-untuned, compiled, found 'gpu'" coopt run --costs gpu,compiled
refused 2 "--costs: expected at least two cost models, found compiled" coopt run --costs compiled
refused 2 "--costs: expected each cost model once, found 'cpu' again" coopt run --costs cpu,cpu
refused 2 "--deployed: expected one of --costs (cpu, compiled-untuned), found 'compiled'" coopt run --costs cpu,compiled-untuned
refused 2 "--at: expected a share such as 90%, 90 or 0.9, found '92 points'" coopt run --at "92 points"
refused 1 "--at: expected at most" coopt run --at 100%
sed '/^supernet/a axis = "macs"' coopt.toml > macs.toml
refused 1 "macs.toml: search.axis: expected latency, found macs" "$triage" coopt macs.toml --run macs
# Of a device, whose complete tables nobody measures again: here of two, under one name.
sed '/^supernet/a device = "pi5"' coopt.toml > pi5.toml
tables pi5
for table in pi5/layer_costs*.json; do
  jq '.device = "pi5" | del(.checksum)' "$table" > "${table%.json}_on_pi5.json"
done
"$triage" coopt pi5.toml --seeds 1 --trials 40 --run pi5 > table.txt 2> log.txt || fail "$(cat log.txt)"
jq '.machine.cpu = "another CPU" | del(.checksum)' pi5/layer_costs_compiled_on_pi5.json > other.json && mv other.json pi5/layer_costs_compiled_on_pi5.json
refused 1 "pi5/layer_costs_compiled_on_pi5.json, beside pi5/layer_costs_on_pi5.json: machine.cpu: found 'another CPU'" "$triage" coopt pi5.toml --seeds 1 --trials 40 --run pi5
echo "coopt_test: ok"
