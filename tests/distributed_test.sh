#!/usr/bin/env bash
# Processes that train together: the bits of one, kill -9 of any rank, another number afterwards, and what is refused.
# usage: distributed_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
quietly "$triage" data generate --out tiny.tds --train 1400 --test 200
sed "s|DATA|$work/tiny.tds|; s|^threads = 2|threads = 1\ncheckpoint_seconds = 0|" "$source/tests/tiny.toml" > tiny.toml
printf '[parallel]\nshares = 4\njoin_seconds = 20\n' >> tiny.toml
same() { for name in little big little_best big_best; do cmp "$1/$name.pt" "$2/$name.pt" || fail "$1 and $2: other bits"; done; }

quietly "$triage" train tiny.toml --run one
quietly "$triage" train tiny.toml --run two --processes 2
same one two
grep -q 'next: triage build' out.txt || fail "expected what rank 0 says, found $(cat out.txt)"
[ "$(grep -c 'big epoch   4/4' err.txt)" = 1 ] || fail "expected rank 0's progress alone, found $(cat err.txt)"

# The whole command: rank 0 builds, evaluates and reports when all have trained. Its last net then teaches another run as
# somebody's file, which rank 0 imports for both.
quietly "$triage" run tiny.toml --run whole --processes 2
same one whole
for file in plan/plan.json results.json report.html; do [ -s "whole/$file" ] || fail "expected whole/$file, found none"; done
[ "$(grep -c 'report: .*report.html' out.txt)" = 1 ] || fail "expected what rank 0 says, found $(cat out.txt)"
cp whole/plan/big.onnx theirs.onnx
sed 's|^teacher = "big"|teacher = "theirs.onnx"|' tiny.toml > pupil.toml
quietly "$triage" train pupil.toml --run pupil
quietly "$triage" run pupil.toml --run pupils --processes 2
same pupil pupils
[ "$(grep -c 'teacher_of_little: .*theirs.onnx' err.txt)" = 1 ] || fail "expected one import, found $(cat err.txt)"

# kill -9 of the second rank, of the first, of the second again: the others end and name it, and it goes on.
epochs() { if [ -f killed/metrics.jsonl ]; then wc -l < killed/metrics.jsonl; else echo 0; fi; }
ended() { for _ in $(seq 300); do kill -0 "$1" 2> /dev/null || return 0; sleep 0.1; done; return 1; }
kill_rank() {  # RANK PROCESSES, after another epoch
  local before; before=$(epochs)
  "$triage" train tiny.toml --run killed --processes "$2" > out.txt 2> err.txt & first=$!
  until [ "$(epochs)" -gt "$before" ]; do
    kill -0 $first 2> /dev/null || fail "ended before another epoch: $(cat err.txt)"
    sleep 0.01
  done
  copies=$(ps -o pid= --ppid $first)
  victim=$first
  [ "$1" = 0 ] || victim=$(echo "$copies" | sed -n "$1p" | tr -d ' ')
  kill -9 "$victim"
  code=0
  wait $first || code=$?
  for copy in $copies; do ended "$copy" || fail "rank $1 was killed, process $copy still works after 30 s"; done
  if [ "$1" = 0 ]; then
    [ $code = 137 ] || fail "expected rank 0 to be killed, found $code"
    grep -q "rank 0 (.*, process $first) ended without a word" err.txt || fail "rank 0 is not named: $(cat err.txt)"
  else
    [ $code = 1 ] || fail "expected exit code 1, found $code: $(cat err.txt)"
    grep -q "rank $1 (.*, process $victim) was ended by SIGKILL; training stopped at step" err.txt ||
      fail "rank $1 is not named: $(cat err.txt)"
    [ "$(grep -c SIGKILL err.txt)" = 1 ] || fail "expected one message, found $(cat err.txt)"
  fi
}
kill_rank 1 2
kill_rank 0 2
kill_rank 2 4
quietly "$triage" train tiny.toml --run killed
same one killed

# Started by something else.
port=$((20000 + RANDOM % 20000))
at() { env MASTER_ADDR=127.0.0.1 MASTER_PORT=$port WORLD_SIZE=2 RANK="$1" "$triage" train "$2" --run "$3"; }
at 1 tiny.toml env > out1.txt 2> err1.txt & second=$!
at 0 tiny.toml env > out.txt 2> err.txt || fail "$(cat err.txt)"
wait $second || fail "$(cat err1.txt)"
same one env
[ ! -s out1.txt ] && [ ! -s err1.txt ] || fail "rank 1 is not silent: $(cat out1.txt err1.txt)"

quietly "$triage" data generate --out other.tds --train 1400 --test 200 --seed 9
sed "s|tiny.tds|other.tds|" tiny.toml > other.toml
at 1 other.toml refused > out1.txt 2> err1.txt & second=$!
refused 1 'rank 1 (' at 0 tiny.toml refused
grep -q 'data: expected' err.txt || fail "$(cat err.txt)"
wait $second && fail "a rank of other data went on"
grep -q 'data: expected' err1.txt || fail "$(cat err1.txt)"

refused 1 'expected a multiple of the 3 processes, found 4' "$triage" train tiny.toml --run refused --processes 3
refused 1 'processes: expected at most 100' "$triage" train tiny.toml --run refused --processes 101 --set parallel.shares=0
refused 1 'expected rank 0 there within 1 s' env RANK=1 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port \
  "$triage" train tiny.toml --run refused --set parallel.join_seconds=1
refused 1 'rank 1 did not come' env RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port \
  "$triage" train tiny.toml --run refused --set parallel.join_seconds=1
refused 2 'RANK: expected a number from 0 to 1' at 2 tiny.toml refused
env RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=$port "$triage" train tiny.toml --run waits > /dev/null 2>&1 & holder=$!
until grep -q "$(printf ':%04X 0*:0000 0A' "$port")" /proc/net/tcp /proc/net/tcp6; do sleep 0.02; done  # it listens
refused 1 'expected a free port, found one in use' at 0 tiny.toml refused
kill -9 $holder
wait $holder 2> /dev/null || true
[ ! -e refused ] || fail "what was refused left $(ls refused)"
echo "distributed_test: two and four processes, the bits of one; three kills, two whole runs"
