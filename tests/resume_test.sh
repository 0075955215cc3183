#!/usr/bin/env bash
# kill -9 at 20 random points: the run that was killed ends with the same weights, bit for bit, as the one that was not.
# usage: resume_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
"$triage" data generate --out "$work/tiny.tds" --train 1400 --test 200 > /dev/null
sed "s|DATA|$work/tiny.tds|; s|^threads = 2|threads = 2\ncheckpoint_seconds = 0|" "$source/tests/tiny.toml" > "$work/tiny.toml"

start=$(date +%s.%N)
"$triage" train "$work/tiny.toml" --run "$work/whole" 2> "$work/whole.log" > /dev/null
seconds=$(echo "$(date +%s.%N) - $start" | bc)

RANDOM=${SEED:-4711}
kills=0
while [ $kills -lt 20 ]; do
  "$triage" train "$work/tiny.toml" --run "$work/killed" > /dev/null 2> "$work/killed.log" &
  pid=$!
  # At most as long as a whole run takes; starting up is part of it, so early kills hit the very beginning too.
  sleep "$(echo "scale=3; $seconds * ($RANDOM % 1000) / 1400" | bc)"
  if kill -9 $pid 2> /dev/null; then kills=$((kills + 1)); fi
  wait $pid 2> /dev/null || true
  if [ -f "$work/killed/little.pt" ]; then  # it got to the end: begin a new run to be killed, after the comparison
    for name in little big little_best big_best; do
      [ ! -f "$work/killed/$name.pt" ] || cmp "$work/whole/$name.pt" "$work/killed/$name.pt"
    done
    rm -rf "$work/killed"
  fi
done
"$triage" train "$work/tiny.toml" --run "$work/killed" > /dev/null 2> "$work/killed.log"
for name in little big little_best big_best; do cmp "$work/whole/$name.pt" "$work/killed/$name.pt"; done
# The log has every epoch once, with the same losses (times differ).
strip='s/,"images_per_s":.*"seconds":[^,}]*//'
diff <(sed "$strip" "$work/whole/metrics.jsonl") <(sed "$strip" "$work/killed/metrics.jsonl")
left=$(find "$work/killed" -name '*.tmp')
[ -z "$left" ] || { echo "resume_test: temporary files were left behind: $left"; exit 1; }
echo "resume_test: $kills kills, same bits"
