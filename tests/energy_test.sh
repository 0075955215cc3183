#!/usr/bin/env bash
# Energy as a user asks for it: "not available" with the reasons where the machine tells none, a number from an external
# meter's file that another program writes meanwhile, and files that are refused.
# usage: energy_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
writer=
cleanup() { [ -z "$writer" ] || kill "$writer" 2> /dev/null || true; rm -rf "$work"; }
profile_refused() {  # CODE 'words' options...: the exit code and the words
  local code=$1 words=$2
  shift 2
  refused "$code" "$words" "$triage" profile "$plan" --data shapes.tds --seconds 0.2 --out refused.json "$@"
  [ ! -e refused.json ] || fail "$* left a cost table"
}
# A sample every 0.1 s from 5 s ago until 5 minutes from now: time, whether to leave it out by an awk condition.
samples() { awk -v now="$(date +%s)" "BEGIN {for (i = -50; i < 3000; ++i) if ($1) printf \"$2\\n\", $3}"; }

plan=$source/zoo/cifar10-pair
"$triage" data generate --out shapes.tds --height 32 --width 32 --train 80 --test 40 > /dev/null
profile=("$triage" profile "$plan" --data shapes.tds --seconds 0.2 --energy)

# Whatever this machine has: numbers with their source, or n/a with a reason for every source.
"${profile[@]}" --energy-seconds 0.5 --out costs.json --csv costs.csv > table.txt 2> log.txt || fail "$(cat log.txt)"
if jq -e '.energy_source | startswith("not available: ")' costs.json > /dev/null; then
  jq -e 'all(.entries[]; .energy == null)' costs.json > /dev/null || fail "numbers without a source: $(cat costs.json)"
  [ "$(grep -c 'n/a' table.txt)" = 3 ] || fail "expected n/a in three rows: $(cat table.txt)"
  grep -q '^energy: not available: rapl: .*; perf: .*; ina: .*; pmic: ' table.txt || fail "expected reasons: $(cat table.txt)"
  [ "$(grep -c ',,,,,,,$' costs.csv)" = 3 ] || fail "expected empty columns: $(cat costs.csv)"
  profile_refused 1 "energy source rapl: not available: /sys/class/powercap" --energy --energy-source rapl
else
  jq -e 'all(.entries[]; .energy.gross_uj > 0)' costs.json > /dev/null || fail "a source without numbers: $(cat costs.json)"
fi
"$triage" profile "$plan" --data shapes.tds --seconds 0.2 > table.txt 2> log.txt || fail "$(cat log.txt)"
! grep -q energy table.txt || fail "energy that nobody asked for: $(cat table.txt)"

# A meter that another program writes: 12.5 W all the time, so 12.5 W x the time of a run, and nothing beyond idle.
echo 'time,power_w' > live.csv
mkfifo never
# The pause is a read of a pipe nobody writes: no process is started for a sample, which a busy machine may delay for long.
{ while ! read -rt 0.02 -u 9; do echo "$EPOCHREALTIME,12.5" >> live.csv; done; } 9<> never & writer=$!
until [ "$(wc -l < live.csv)" -ge 5 ]; do sleep 0.02; done
"${profile[@]}" --energy-source csv:live.csv --energy-seconds 1.5 --out live.json --csv live_costs.csv > table.txt 2> log.txt || fail "$(cat log.txt)"
kill $writer && writer=
jq -e 'def near($x; $y; $e): ($x - $y | fabs) < $e;
  (.entries | length == 3) and all(.entries[].energy; .source == "csv" and .runs >= 3 and
  near(.gross_uj * .runs / .window_seconds / 1e6; 12.5; 0.01) and near(.idle_watts; 12.5; 0.01) and near(.net_uj; 0; 0.01 * .gross_uj))' \
  live.json > /dev/null || fail "expected 12.5 W: $(jq -c '.entries[].energy' live.json)"
grep -q '^energy: csv: what the meter of live.csv measures' table.txt || fail "$(cat table.txt)"
grep -q ',csv,\(true\|false\)$' live_costs.csv || fail "$(cat live_costs.csv)"

# A file that is there when the work is done, by a clock that is an hour slow: a counter of mWh at 7.2 W.
{ echo 'Time,"Energy (mWh)"'; samples 1 '%.2f,%.4f' 'now - 3600 + i / 10, 100 + i / 10 * 2'; } > slow.csv
"${profile[@]}" --energy-source csv:slow.csv --energy-clock-offset 3600 --energy-seconds 0.5 --json > slow.json 2> log.txt ||
  fail "$(cat log.txt)"
jq -e 'all(.entries[].energy; .gross_uj * .runs / .window_seconds / 1e6 | . > 7.1 and . < 7.3)' slow.json > /dev/null ||
  fail "expected 7.2 W: $(jq -c '.entries[].energy' slow.json)"

# What is refused.
profile_refused 1 "slow.csv: found samples from " --energy --energy-source csv:slow.csv --energy-seconds 0.2 --energy-wait 0
profile_refused 1 "none.csv: found no sample, expected samples from " --energy --energy-source csv:none.csv --energy-seconds 0.2 --energy-wait 0.2
{ echo 'time,power_w'; samples '(i + 50) % 60 < 30' '%.2f,%.1f' 'now + i / 10, 5'; } > gaps.csv
profile_refused 1 "expected one every 2.5 s" --energy --energy-source csv:gaps.csv --energy-seconds 0.6
{ echo 'time,power_w'; samples 1 '%.2f,%.1f' 'now + i / 10, i == -22 ? 7000 : 5'; } > jump.csv
profile_refused 1 "jump.csv:30: power: found 7000 W, expected 0 to 5000 W" --energy --energy-source csv:jump.csv
echo 'volts;watts' > columns.csv
profile_refused 1 "columns.csv:1: found the columns 'volts;watts', expected one 'time'" --energy --energy-source csv:columns.csv
profile_refused 2 "expected auto, rapl, perf, ina, pmic or csv:FILE, found 'sun'" --energy --energy-source sun
profile_refused 2 "--energy" --energy-source auto
echo "energy_test: ok"
