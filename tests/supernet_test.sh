#!/usr/bin/env bash
# A supernet on generated images, as a user trains and asks it: resume, the store of answers, and what is refused.
# usage: supernet_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

"$triage" data generate --out tiny.tds --train 1400 --test 200 > /dev/null
sed "s|DATA|tiny.tds|" "$source/tests/tiny_supernet.toml" > tiny.toml
"$triage" train tiny.toml --run run > /dev/null 2> log.txt || fail "$(cat log.txt)"
jq -se 'length == 4 and all(.subnet_seed > 0 and .subnet_loss > 0) and .[3].smallest_validation_accuracy > 0.3' \
  run/metrics.jsonl > /dev/null || fail "unexpected log: $(cat run/metrics.jsonl)"

# Killed and resumed: the same bits.
sed "s|^threads = 2|threads = 2\ncheckpoint_seconds = 0|" tiny.toml > often.toml
epochs() { cat killed/metrics.jsonl 2> /dev/null | wc -l; }
for round in 0 1 2; do  # before the first epoch ends, then in the second and third, each time behind a new checkpoint
  touch mark
  kill_at_work "[ \$(epochs) -ge $round ] && [ -n \"\$(find killed/checkpoint -name '*.ckpt' -newer mark)\" ]" \
    "$triage" train often.toml --run killed
done
[ ! -e killed/supernet.pt ] || fail "expected the killed training to be unfinished"
"$triage" train often.toml --run killed > /dev/null 2>&1
cmp run/supernet.pt killed/supernet.pt

# Answers are kept: asked once, and the same from the store.
"$triage" subnets eval run --arch largest --arch smallest --random 4 --json > first.json
"$triage" subnets eval run --arch largest --arch smallest --random 4 --json > second.json
jq -e '.asked == 6 and (.subnets | length == 6) and (.subnets | all(.accuracy | length == 2))' first.json > /dev/null || fail "unexpected answers: $(cat first.json)"
jq -e '.asked == 0' second.json > /dev/null || fail "asked again: $(cat second.json)"
[ "$(jq -c .subnets first.json)" = "$(jq -c .subnets second.json)" ] || fail "the store changed the answers"
# Far above the chance of 1/4: a subnet whose batch statistics are not its own would be at it.
jq -e '.subnets[0].accuracy[1] > 0.6 and ([.subnets[].accuracy[1]] | min) > 0.35' first.json > /dev/null || fail "expected better answers: $(jq -c .subnets first.json)"
printf '# two\n8-8-16\n12-16,16-32  # largest\n' > list.txt
"$triage" subnets eval run --list list.txt --split test --json | jq -e '.asked == 2 and .images == 200' > /dev/null || fail "a list on the test split"

# A subnet as files of its own: smaller than the largest, and proven equal by the command itself.
"$triage" subnets cut run 8-8-16 --out small.onnx > /dev/null
"$triage" subnets cut run largest --out large.onnx > /dev/null
[ $(stat -c %s small.onnx) -lt $(stat -c %s large.onnx) ] && [ -s small.pt ] || fail "expected a small subnet's files"

# Packed in bf16: half the bytes, nearly the same answers.
"$triage" subnets pack run --out zoo > /dev/null
[ $(stat -c %s zoo/supernet.pt) -lt $(stat -c %s run/supernet.pt) ] || fail "packing saved nothing"
"$triage" subnets eval zoo --arch largest --json > packed.json
jq -e --slurpfile whole first.json '(.subnets[0].accuracy[1] - $whole[0].subnets[0].accuracy[1]) | fabs < 0.03' packed.json > /dev/null ||
  fail "packing changed the answers: $(jq -c .subnets packed.json)"

# Against nets trained alone by the same recipe; one that is not comparable is left out aloud.
"$triage" subnets alone tiny.toml --arch largest --arch 12-12-24 --arch 8-8-16 --random 1 > alone.toml
[ "$(grep -c '^\[\[stage\]\]' alone.toml)" = 4 ] || fail "expected four nets: $(cat alone.toml)"
short=$(sed -n 's/^name = "\(.*\)"/\1/p' alone.toml | tail -1)
sed "/^name = \"$short\"/,\$s/^epochs = .*/epochs = 1/" alone.toml > short.toml
"$triage" train short.toml --run alone > /dev/null 2>&1
"$triage" subnets compare run --alone alone --record record.json --figures figures.json --picture subnets.png --json > compare.json 2> err.txt || fail "compare: $(cat err.txt)"
grep -q "alone/$short.pt is left out: epochs: the supernet has 4, it has 1" err.txt || fail "expected a note about the short one: $(cat err.txt)"
jq -e '(.subnets | length == 3) and (.figures | has("largest.gap_points") and has("subnets.mean_gap_points") and (has("subnets.kendall_tau") or $tied))' \
  --argjson tied "$(grep -q 'subnets.kendall_tau is left out' err.txt && echo true || echo false)" compare.json > /dev/null ||
  fail "unexpected comparison: $(cat compare.json)"
jq -e '.figures["subnets.mean_gap_points"].n == 2' figures.json > /dev/null || fail "expected a gap over two subnets"
[ "$(head -c 4 subnets.png | tail -c 3)" = PNG ] || fail "expected a picture"
# What they answered outlives their weights.
"$triage" subnets compare run --alone record.json --json > again.json
[ "$(jq -c '[.subnets[] | del(.origin)], .figures' again.json)" = "$(jq -c '[.subnets[] | del(.origin)], .figures' compare.json)" ] || fail "the record changed the comparison"
jq '.networks[1].test_right |= "0" + . | del(.checksum)' record.json > longer.json
refused 1 "longer.json: networks[1].test_right: expected 50 hexadecimal digits" "$triage" subnets compare run --alone longer.json
jq '.networks[0].identity.seed = 8 | del(.checksum)' record.json > leak.json
refused 1 "trained on other images than run/supernet.pt: seed: expected 7, found 8" "$triage" subnets compare run --alone leak.json
# What the exits cost the last one: the same supernet without them.
sed 's/^exits = .*/exits = []/' tiny.toml > plain.toml
"$triage" train plain.toml --run plain > /dev/null 2>&1
"$triage" subnets compare run --alone record.json --without-exits plain --json | jq -e '.figures | has("exits.last_exit_gap_points") and has("train.minutes")' > /dev/null ||
  fail "expected the gap that exits cost"
refused 1 "expected a supernet trained as run/supernet.pt but without exits" "$triage" subnets compare run --alone record.json --without-exits run

# A pair refined together, then cut and built into a plan; little as it is, big with an epoch more.
{
  sed '/^\[supernet\]/,$d' tiny.toml
  printf '[supernet]\nspace = "8:12:4-8:16:4,8:16:4?-16:32:8"\nfrom = "run"\nsubnets = ["12-16,16-32", "8-12-16"]\nresidual = true\nepochs = 1\nlr = 0.1\nbatch = 100\n'
  printf '[[stage]]\nname = "little"\narch = "8-12-16"\nfrom = "supernet"\nresidual = true\nepochs = 0\n'
  printf '[[stage]]\nname = "big"\narch = "12-16,16-32"\nfrom = "supernet"\nresidual = true\nepochs = 1\nlr = 0.1\nbatch = 100\n'
  printf '[router]\nsteps = 40\nrepeats = 1\n[build]\nprofile_seconds = 0.1\n'
} > pair.toml
"$triage" run pair.toml --run pair > /dev/null 2> log.txt || fail "a pair from the supernet: $(cat log.txt)"
jq -e '.test.static | all(.accuracy > 0.5)' pair/results.json > /dev/null || fail "expected both nets far above chance: $(jq -c '[.test.static[].accuracy]' pair/results.json)"

# What does not belong together is refused, with both sides named.
refused 1 "not in the search space '8:12:4-8:16:4,8:16:4?-16:32:8': block 1 layer 0: expected a width of 8:16:4, found 10" \
  "$triage" subnets eval run --arch 8-10-16
printf '8-8-16\n8-8\n' > list.txt
refused 1 "list.txt:2: subnet '8-8'" "$triage" subnets eval run --list list.txt
sed 's/16:32:8/16:40:8/' tiny.toml > other.toml
refused 1 "arch: expected \"8:12:4-8:16:4,8:16:4?-16:40:8\", found \"8:12:4-8:16:4,8:16:4?-16:32:8\"" bash -c \
  "mkdir -p other/checkpoint && cp run/checkpoint/* other/checkpoint/ && '$triage' train other.toml --run other"
sed 's/seed = 7/seed = 8/' tiny.toml > seed.toml
"$triage" train seed.toml --run seed > /dev/null 2>&1
refused 1 "labels: expected" \
  "$triage" subnets eval seed --arch largest --store run/subnets_validation.sqlite
cp -r run mixed && sed -i 's/16:32:8/16:40:8/' mixed/config.toml
refused 1 "space: expected 8:12:4-8:16:4,8:16:4?-16:40:8 as in config.toml, found 8:12:4-8:16:4,8:16:4?-16:32:8" \
  "$triage" subnets eval mixed --arch largest
sed 's/from = "run"/from = "seed"/' pair.toml > leak.toml
refused 1 "starts from a network of other images: seed: expected 7, found 8" "$triage" train leak.toml --run leak
sed '/residual/d' pair.toml > other_layers.toml
refused 1 "stage 'supernet': residual: expected true as in the network it starts from, found false" "$triage" train other_layers.toml --run other_layers
refused 1 "expected at least one [[stage]] to build a plan of, found none" "$triage" run tiny.toml --run run
sed 's/8:16:4,/16:8:4,/' tiny.toml > falling.toml
refused 1 "expected rising widths (LOW at most HIGH), found '16:8:4'" "$triage" train falling.toml --run falling
echo "supernet_test: ok"
