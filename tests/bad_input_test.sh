#!/usr/bin/env bash
# What a user can get wrong: each case must end with the right exit code and a message that says what is wrong, and
# leave nothing half-written behind.
# usage: bad_input_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

# changed NAME 'sed expression': tiny.toml with a change
changed() { sed "$2" tiny.toml > "$1"; echo "$1"; }

"$triage" data generate --out tiny.tds --train 1400 --test 200 > /dev/null
sed "s|DATA|tiny.tds|" "$source/tests/tiny.toml" > tiny.toml

# The command line.
expect 2 "usage" "$triage"
expect 2 "'fly' is not a command" "$triage" fly
expect 2 "--nonsense" "$triage" train tiny.toml --nonsense
expect 2 "required" "$triage" train
expect 2 "--latency: expected a time" "$triage" build run --latency soon
expect 2 "--latency: expected a time with its unit" "$triage" build run --latency 10
expect 2 "--accuracy: expected a share" "$triage" build run --accuracy 9000
expect 2 "1 may mean 1% or 100%" "$triage" build run --accuracy 1
expect 2 "--max-drop: expected percentage points with their sign" "$triage" build run --max-drop 1
expect 2 "excludes" "$triage" build run --max-drop 1% --accuracy 90%
expect 2 "--batch: expected a number of images" "$triage" export run --batch some
expect 2 "3x32x32" "$triage" arch 8-16 --input large
expect 1 "16,x" "$triage" arch 8-16,x
expect 2 "expected --data FILE or --side PIXELS" "$triage" suggest
expect 2 "excludes" "$triage" suggest --data tiny.tds --side 32 --classes 10
expect 2 "--latency: expected a time with its unit" "$triage" suggest --side 32 --latency 10
expect 1 "tiny.toml" "$triage" suggest --data tiny.toml

# Configurations.
expect 1 "none.toml" "$triage" train none.toml
expect 1 "epochz" "$triage" train "$(changed a.toml 's/^epochs = 3/epochz = 3/')"
expect 1 "epochs" "$triage" train "$(changed b.toml 's/^epochs = 3/epochs = "three"/')"
expect 1 "epochs" "$triage" train "$(changed c.toml 's/^epochs = 3/epochs = 0/')"
expect 1 "expected a [[stage]] named 'huge'" "$triage" train "$(changed d.toml 's/teacher = "big"/teacher = "huge"/')"
expect 1 "circle" "$triage" train "$(changed e.toml 's/^name = "big"/name = "big"\nteacher = "little"/')"
expect 1 "two stages are named" "$triage" train "$(changed f.toml 's/^name = "little"/name = "big"/')"
expect 1 "batch" "$triage" train "$(changed g.toml 's/^batch = 100/batch = 5000/')" --run big-batch
expect 1 "none.tds" "$triage" train "$(changed h.toml 's/tiny.tds/none.tds/')"
expect 1 "route" "$triage" train "$(changed i.toml 's/^route = 200/route = 2000/')"

# A start that failed its checks does not stand in the way of the corrected one.
"$triage" train tiny.toml --run big-batch > /dev/null 2> err.txt || problem "the corrected start: $(cat err.txt)"
printf 'name = "s"\n[search]\nsupernet = "nowhere"\n' > nowhere.toml
sed 's/nowhere/elsewhere/' nowhere.toml > elsewhere.toml
expect 1 "nowhere" "$triage" search nowhere.toml --run started
expect 1 "elsewhere" "$triage" search elsewhere.toml --run started

# Training that diverges says where.
expect 1 "diverged at step" "$triage" train "$(changed j.toml 's/^batch = 100/batch = 100\nlr = 100\nwarmup = 0\nweight_decay = 1/')" --run diverged
[ ! -f diverged/big.pt ] || problem "a diverged run left big.pt"

# A run directory of another configuration; damaged checkpoints.
"$triage" train tiny.toml --run run > /dev/null 2>&1
expect 2 "--from: expected the finished run of these networks, found no nowhere/" "$triage" train tiny.toml --run new --from nowhere
expect 2 "--from: expected another run than that of --run, found run for both" "$triage" train tiny.toml --run run --from run
expect 1 "--set stage.huge.epochs=1: expected a [[stage]] named 'huge', found none" "$triage" run tiny.toml --run new --set stage.huge.epochs=1
expect 1 "tiny.toml with --set: key 'stage[0].epoch' is unknown" "$triage" train tiny.toml --run new --set stage.little.epoch=1
expect 1 "began with another configuration" "$triage" train "$(changed k.toml 's/^seed = 7/seed = 8/')" --run run
cp -r run damaged
printf 'x' | dd of=damaged/checkpoint/big.ckpt bs=1 seek=5000 conv=notrunc status=none
expect 1 "big.ckpt: damaged" "$triage" train tiny.toml --run damaged
head -c 1000 run/checkpoint/big.ckpt > damaged/checkpoint/big.ckpt
expect 1 "big.ckpt" "$triage" train tiny.toml --run damaged
sed 's/^seed = 7/seed = 8/' tiny.toml > damaged/config.toml
cp run/checkpoint/big.ckpt damaged/checkpoint/big.ckpt
expect 1 "seed: expected 8, found 7" "$triage" train damaged/config.toml --run damaged

# Budgets nobody can meet; plans that are not plans.
expect 1 "latency" "$triage" build run --latency 0.001us
[ ! -f run/plan/plan.json ] || problem "an impossible budget left a plan"
"$triage" build run > /dev/null 2>&1
expect 1 "plan.json" "$triage" eval tiny.toml --data tiny.tds
cp -r run/plan alone
expect 2 "--data is needed: expected a config.toml" "$triage" eval alone
expect 2 "--split validation: expected the config.toml" "$triage" eval alone --data tiny.tds --split validation
expect 2 "expected figures of the test split" "$triage" eval run/plan --split validation --figures figures.json
expect 1 "not-an-image" bash -c "echo hello > not-an-image.png; '$triage' predict run/plan not-an-image.png"
expect 1 "missing.png" "$triage" predict run/plan missing.png
cp -r run/plan cut && head -c 500 run/plan/big.onnx > cut/big.onnx
expect 1 "big.onnx" "$triage" predict cut run/easiest.png
sed -i 's/"version": 2/"version": 99/' cut/plan.json
expect 1 "cut/plan.json: checksum: expected" "$triage" predict cut run/easiest.png
jq 'del(.checksum)' run/plan/plan.json | sed 's/"version": 2/"version": 99/' > cut/plan.json
expect 1 "version" "$triage" predict cut run/easiest.png
"$triage" data generate --out other.tds --classes 6 --train 600 --test 60 > /dev/null
expect 1 "classes" "$triage" eval run/plan --data other.tds
expect 1 "results.json" "$triage" report run

# Data sets. What the importers refuse record by record is in src/data/import/import_test.cc; here: what the user sees.
expect 2 "PATH is missing" "$triage" data import cifar10 --out x.tds
expect 2 "cifar11" "$triage" data get cifar11 --out x.tds
expect 1 "nowhere" "$triage" data import idx nowhere --out x.tds
"$triage" data info tiny.tds --sheet sheet.png > /dev/null
mkdir -p photos/train/{cat,dog} photos/test/{cat,dog}
cp sheet.png photos/train/cat && cp sheet.png photos/test/cat
expect 1 "dog" "$triage" data import folder photos --height 8 --width 8 --out x.tds
cp sheet.png photos/test/dog && head -c 300 sheet.png > photos/train/dog/cut.png
expect 1 "train/dog/cut.png: " "$triage" data import folder photos --height 8 --width 8 --out x.tds
cp sheet.png photos/train/dog/cut.png
expect 0 "" "$triage" data import folder photos --height 8 --width 8 --out photos.tds
cp sheet.png photos/train/dog/whole.png && head -c 300 sheet.png > photos/train/dog/cut.png && head -c 200 sheet.png > photos/test/dog/cut.png
expect 1 "2 of 6 images cannot be read" "$triage" data import folder photos --height 8 --width 8 --bad-files bad.txt --out x.tds
[ "$(wc -l < bad.txt)" = 2 ] || problem "bad.txt does not list both damaged images"
"$triage" data import folder photos --height 8 --width 8 --json --out x.tds > bad.json 2> /dev/null || true
[ "$(jq '.import.bad_files | length' bad.json)" = 2 ] || problem "--json does not list both damaged images"
expect 0 "" "$triage" data import folder photos --height 8 --width 8 --skip-bad --out skipped.tds
"$triage" data info skipped.tds --json | jq -e '.left_out == 2 and .left_out_names[0] == "train/dog/cut.png"' > /dev/null ||
  problem "data info does not tell what was left out"
expect 2 "split: expected" "$triage" data import folder photos --split 80/30 --out x.tds
expect 2 "is for list" "$triage" data import folder photos --test-list x.csv --out x.tds
# Names of any bytes, through the import and out again as valid JSON.
for name in $'caf\xe9' '50% off' $'line\nbreak'; do
  mkdir -p "odd/$name" && for i in 1 2 3 4; do cp sheet.png "odd/$name/$i"$'\xff.png'; done
done
expect 0 "" "$triage" data import folder odd --height 8 --width 8 --split 50/25/25 --name $'o\xffdd' --out odd.tds
"$triage" data info odd.tds --json | jq -e '[.classes[].name] == ["50% off", "caf\\xe9", "line\\x0abreak"] and .validation_count == 3' > /dev/null ||
  problem "names of odd bytes"
mkdir cifar && for name in data_batch_{1..5} test_batch; do head -c 3000 /dev/zero > cifar/$name.bin; done
expect 1 "cifar/data_batch_1.bin: truncated" "$triage" data import cifar10 cifar --out x.tds
expect 0 "" "$triage" data generate --out made-for-it/y.tds  # the directory, too
cp tiny.tds flipped.tds
printf '\377' | dd of=flipped.tds bs=1 seek=70000 conv=notrunc status=none
expect 1 "flipped.tds" "$triage" data info flipped.tds
head -c 100000 tiny.tds > short.tds
expect 1 "short.tds" "$triage" data info short.tds
[ ! -e x.tds ] || problem "a refused import left x.tds"

[ -z "$(find . -name '*.tmp')" ] || problem "temporary files were left behind"
echo "bad_input_test: $cases cases, $failed failed"
[ $failed -eq 0 ]
