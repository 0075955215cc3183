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
[ -s plan/report.html ] && [ -s plan/results.json ] && [ -s plan/curve.json ] || fail "expected a report: $(ls plan)"
python3 "$source/tests/check_schema.py" "$source/docs/schema" plan plan/plan.json || [ $? = 77 ] || fail "plan.json does not fit its schema"

# Other commands take the plan; its promise holds.
"$triage" eval plan --data tiny.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.test.latency.agreement == 1 and .test.count == 300' eval.json > /dev/null || fail "$(jq -c .test.latency eval.json)"
"$triage" profile plan --data tiny.tds --seconds 0.05 > out.txt 2> log.txt || fail "$(cat log.txt)"

# As one ONNX file that takes pixels: decides like the runtime, and like a client in Python; with the plan's thresholds,
# and of two nets (put together here, since times decide whether the best plan has two) with some images sent on, and all.
mkdir two far
for net in little big; do
  "$triage" cascade "nets/$net.onnx" --data tiny.tds --seconds 0.1 --out "alone-$net" > /dev/null 2> log.txt || fail "$(cat log.txt)"
  cp "alone-$net/$net.onnx" two/ && cp "alone-$net/$net.onnx" far/
done
jq -s '.[0].stages += .[1].stages | .[0] | del(.checksum, .predicted) | .stages[0].exit.threshold = 0.1' alone-little/plan.json alone-big/plan.json > two/plan.json
jq '.stages[0].exit.threshold = -1' two/plan.json > far/plan.json
for name in plan two far; do
  "$triage" export "$name" --out one.onnx --check-data tiny.tds --count 150 --json > export.json 2> log.txt || fail "$(cat log.txt)"
  jq -e '.written and .check.ok and .check.images == 150 and .check.max_probability_error < 1e-4' export.json > /dev/null ||
    fail "unexpected $(jq -c . export.json)"
  /usr/bin/python3 -B "$source/tests/photo_client_test.py" "$name" one.onnx > client.txt || [ $? = 77 ] || fail "$(cat client.txt)"
done
jq -e '.check.exits == [0, 150]' export.json > /dev/null || fail "unexpected $(jq -c .check export.json)"
refused 1 'batch: found free, expected 1' "$triage" export plan --out free.onnx --batch free
[ ! -e free.onnx ] || fail "a refused export wrote its file"

# The best there is, and one net alone where that is asked for.
best=$(jq '.front[-1].accuracy * 99' plan/cascade.json)
cascade best --accuracy "$best%" --json > best.json 2> log.txt || fail "$(cat log.txt)"
cascade single --max-stages 1 --json > single.json 2> log.txt || fail "$(cat log.txt)"
jq -e 'all(.front[]; .nets | length == 1)' single.json > /dev/null || fail "expected single nets: $(jq -c .front single.json)"
jq -e '.stages | length == 1' single/plan.json > /dev/null || fail "expected one stage"

# In int8 as well: one more net for each that gains by it, else the reason; the plan holds what was promised.
cascade int8 --int8 --int8-loss 5 > int8.txt 2> log.txt || fail "$(cat log.txt)"
for net in little big; do
  grep -qE "^$net-int8: |no int8 form: " int8.txt || fail "expected $net in int8, or why not: $(cat int8.txt)"
done
jq -e 'all(.nets[] | select(.precision == "int8"); (.name | endswith("-int8")) and .int8.of + "-int8" == .name
  and .int8.speedup > 0 and (.int8.accuracy_lost | type == "number") and all(.int8.nodes[]; .int8 or (.reason | length > 0)))
  and ([.nets[] | select(.precision == "fp32")] | length == 2)' int8/cascade.json > /dev/null || fail "unexpected $(jq -c .nets int8/cascade.json)"
jq -e 'all(.stages[]; .precision == (if .name | endswith("-int8") then "int8" else "fp32" end))' int8/plan.json > /dev/null ||
  fail "unexpected $(jq -c .stages int8/plan.json)"
"$triage" eval int8 --data tiny.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"

# One net, and a whole plan, in int8; whatever the machine is faster in.
"$triage" quantize nets/big.onnx --data tiny.tds --untimed --loss 5 --out big8.onnx --json > big8.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.bytes < 0.6 * .fp32_bytes and .fp32_accuracy - .accuracy <= 0.05 and any(.nodes[]; .int8)' big8.json > /dev/null || fail "unexpected $(cat big8.json)"
"$triage" quantize plan --data tiny.tds --untimed --loss 100 --out plan8 > plan8.txt 2> log.txt || fail "$(cat log.txt)"
jq -e --slurpfile before plan/plan.json '[.stages[] | [.name, .exit]] == [$before[0].stages[] | [.name, .exit]] and .policy == $before[0].policy
  and all(.stages[]; .precision == "int8" and .cost.prepare_us > 0) and ([.stages[].weight_bytes] | add) < 0.6 * ([$before[0].stages[].weight_bytes] | add)' \
  plan8/plan.json > /dev/null || fail "unexpected $(jq -c .stages plan8/plan.json)"
"$triage" eval plan8 --data tiny.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
# Killed at its work, it goes on where it was: nothing is found twice, and the work leaves nothing behind.
kept() { cat killed8.part/* 2> /dev/null | wc -l; }
kill_at_work '[ $(kept) -gt 3 ]' "$triage" quantize plan --data tiny.tds --untimed --loss 100 --out killed8
"$triage" quantize plan --data tiny.tds --untimed --loss 100 --out killed8 > out.txt 2> log.txt || fail "$(cat log.txt)"
[ ! -e killed8.part ] || fail "left: $(ls killed8.part)"
[ "$(cd killed8 && sha256sum *.onnx)" = "$(cd plan8 && sha256sum *.onnx)" ] || fail "the killed command made other nets"
refused 1 "all stages stay as they are" "$triage" quantize plan8 --data tiny.tds --out twice
refused 2 "--data is needed" "$triage" quantize nets/big.onnx --out x.onnx
refused 2 "--preprocess: expected an ONNX file" "$triage" quantize plan --data tiny.tds --preprocess x.json --out x
refused 2 "--any-data: expected a plan" "$triage" quantize nets/big.onnx --data tiny.tds --any-data --out x.onnx
refused 2 "--int8-loss requires --int8" cascade plan --int8-loss 2
cp nets/little.onnx nets/big-int8.onnx
refused 1 "in int8 with '-int8' behind" "$triage" cascade nets/big.onnx nets/big-int8.onnx --int8 --data tiny.tds --out plan
rm nets/big-int8.onnx

# Said by the user, or by a file beside the net.
jq '.nets[0].preprocess' plan/cascade.json > nets/little.preprocess.json
cascade said --preprocess big=nets/little.preprocess.json > said.txt 2> log.txt || fail "$(cat log.txt)"
[ "$(grep -c '^  preprocessing: nets/little.preprocess.json' said.txt)" = 2 ] || fail "unexpected $(cat said.txt)"
rm nets/little.preprocess.json

# Routers that are trained between the nets.
cascade learned --policy learned --json > learned.json 2> log.txt || fail "$(cat log.txt)"
jq -e '(.learned | length >= 1 and all(has("points"))) and ([.front[] | select(.nets | length > 1) | .policy] | unique - ["learned"] == [])
  and any(.front[]; .nets | length == 1)' learned.json > /dev/null || fail "expected learned points: $(jq -c '{learned, front}' learned.json)"
jq -e '(.stages | length == 1) or (.policy == "learned" and all(.stages[:-1][]; .exit | has("router")))' learned/plan.json > /dev/null ||
  fail "expected routers: $(jq -c .policy learned/plan.json)"

# A folder of images of any size, as it is: imported once, again where it has changed.
python3 - tiny.tds photos 1400 << 'EOF'
import json, pathlib, struct, sys
data, out, count = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2]), int(sys.argv[3])
info = json.loads(data[128:128 + struct.unpack_from("<I", data, 12)[0]])
images, labels = struct.unpack_from("<Q", data, 16)[0], struct.unpack_from("<Q", data, 32)[0]
h, w, c = info["height"], info["width"], info["channels"]
for i in range(count):
    folder = out / info["classes"][data[labels + i]]
    folder.mkdir(parents=True, exist_ok=True)
    pixels = data[images + i * h * w * c:images + (i + 1) * h * w * c]
    (folder / f"{i}.ppm").write_bytes(b"P6\n%d %d\n255\n" % (w, h) + pixels)
EOF
# A folder's classes are in the order of their names, the nets' in that of the data set they were trained on.
"$triage" data info tiny.tds --json | jq -r '.classes[].name' > names.txt
folder() {
  "$triage" cascade nets/little.onnx nets/big.onnx --data photos --classes little=names.txt --classes big=names.txt --seconds 0.05 --out "$@"
}
folder of_photos > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q '^photos.imported.tds: imported from photos$' out.txt && grep -q 'no splits, so its images are drawn: 40 %' out.txt || fail "unexpected $(cat out.txt)"
"$triage" eval of_photos --data photos.imported.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.test.count == 420' eval.json > /dev/null || fail "expected 30 % of 1400 images: $(jq -c .test.count eval.json)"
sha256sum photos.imported.tds > photos.sum
folder of_photos > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'imported before from the same files of photos' out.txt || fail "unexpected $(cat out.txt)"
first=$(find photos -name '*.ppm' | LC_ALL=C sort | sed -n 1p)
printf 'P6\n16' > "$first"
refused 1 "${first#photos/}" folder of_photos
sha256sum --quiet -c photos.sum || fail "a refused import changed the one of before"
rm "$first"
folder of_photos > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'imported from photos' out.txt || fail "unexpected $(cat out.txt)"
refused 1 "in another o" "$triage" cascade nets/big.onnx nets/little.onnx --data photos --out other
mkdir none
refused 1 "none: no class folders" "$triage" cascade nets/little.onnx --data none --out plan

# A configuration of imported nets alone may be about images of any size.
cat > theirs.toml << EOF
name = "theirs"
[data]
file = "photos.imported.tds"
[[stage]]
name = "first"
onnx = "nets/little.onnx"
classes = "names.txt"
[[stage]]
name = "second"
onnx = "nets/big.onnx"
classes = "names.txt"
[build]
profile_seconds = 0.1
single_net = false
EOF
"$triage" run theirs.toml --run theirs_run > out.txt 2> log.txt || fail "$(cat log.txt)"
jq -e '(.stages | length == 2 and all(has("preprocess"))) and .input.height == 0' theirs_run/plan/plan.json > /dev/null ||
  fail "unexpected $(jq -c '{input, stages}' theirs_run/plan/plan.json | cut -c1-2000)"

# A configuration that mixes an imported net with one that is trained and answers early.
mkdir mixed && cp nets/little.onnx mixed/theirs.onnx
cat > mixed/mixed.toml << EOF
name = "mixed"
seed = 7
threads = 2
[data]
file = "tiny.tds"
route = 200
validation = 200
[[stage]]
name = "theirs"
onnx = "theirs.onnx"
features = "features"
[[stage]]
name = "mine"
arch = "8-16,16-32"
exits = [0]
epochs = 2
batch = 100
[router]
steps = 40
repeats = 1
[build]
policy = "learned"
profile_seconds = 0.1
single_net = false
EOF
"$triage" run mixed/mixed.toml --run mixed_run --dry-run > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'theirs .*imported: .*/mixed/theirs.onnx' out.txt || fail "unexpected $(cat out.txt)"
"$triage" run mixed/mixed.toml --run mixed_run > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'theirs: .*/mixed/theirs.onnx; answers logits' log.txt && grep -q 'preprocessing found on 200 images' log.txt || fail "unexpected $(cat log.txt)"
jq -e '.policy == "learned" and ([.stages[] | .name] == ["theirs", "mine_exit0", "mine"]) and (.stages[0] | has("preprocess") and
  (has("arch") | not) and .feature_width > 0 and .cost.prepare_us > 0 and (.exit | has("router"))) and (.provenance.imported | has("theirs"))' \
  mixed_run/plan/plan.json > /dev/null || fail "unexpected $(jq -c . mixed_run/plan/plan.json | cut -c1-2000)"
[ -s mixed_run/plan/plan.onnx ] || fail "expected the plan as one file: $(cat log.txt)"
jq -e '.test.latency.agreement == 1' mixed_run/results.json > /dev/null || fail "$(jq -c .test.latency mixed_run/results.json)"
# In int8: ours, and theirs where its answers stay as right; which nodes, or why none, is said.
"$triage" quantize mixed_run/plan --data tiny.tds --any-data --out mixed_int8 > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'theirs: ' log.txt && jq -e '[.stages[1:][] | .precision] == ["int8", "int8"]' mixed_int8/plan.json > /dev/null || fail "unexpected $(jq -c '[.stages[] | [.name, .precision]]' mixed_int8/plan.json)"
"$triage" eval mixed_int8 --data tiny.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.test.latency.agreement == 1 and .test.operating_point.accuracy > 0.5' eval.json > /dev/null || fail "unexpected $(jq -c '.test | [.latency, .operating_point.accuracy]' eval.json)"
# Built again: the net is where it was imported, whatever the directory.
(mkdir elsewhere && cd elsewhere && cp ../tiny.tds . && "$triage" build ../mixed_run --policy auto > out.txt 2> log.txt) || fail "$(cat elsewhere/log.txt)"
grep -q 'theirs.onnx, imported before' elsewhere/log.txt || fail "unexpected $(cat elsewhere/log.txt)"
# In int8 in the run: theirs as triage quantize would have it, found again by the next build.
cp -r mixed_run mixed_run8
"$triage" build mixed_run8 --precision int8 > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -qE 'theirs: [0-9]+ of [0-9]+ nodes in int8' log.txt && [ -s mixed_run8/imported/theirs-int8.json ] || fail "unexpected $(cat log.txt)"
jq -e --slurpfile made mixed_run8/imported/theirs-int8.json '[.stages[] | .precision] == [(if $made[0].int8 then "int8" else "fp32" end), "int8", "int8"]' \
  mixed_run8/plan/plan.json > /dev/null || fail "unexpected $(jq -c '[.stages[] | [.name, .precision]]' mixed_run8/plan/plan.json)"
jq -e '.stages.theirs.net.nodes | length > 0' mixed_run8/int8.json > /dev/null || fail "unexpected $(jq -c . mixed_run8/int8.json)"
"$triage" build mixed_run8 --precision int8 > out.txt 2> log.txt || fail "$(cat log.txt)"
grep -q 'theirs: found in int8 before: ' log.txt || fail "quantised again: $(cat log.txt)"
refused 1 "no such key beside 'onnx'" "$triage" run mixed/mixed.toml --run other --set stage.theirs.epochs=2
refused 1 "stage 'theirs': onnx: expected a file, found none" "$triage" run mixed/mixed.toml --run other --set stage.theirs.onnx=none.onnx
refused 1 "outputs: found 'logits' FLOAT [?, 10]" "$triage" run mixed/mixed.toml --run other --set "stage.theirs.onnx=$source/zoo/cifar10-pair/little.onnx"
[ ! -e other ] || fail "a refused run left $(ls other)"
printf '\x12\x01x' >> mixed/theirs.onnx  # another producer_name
sha256sum mixed_run/plan/*.* > mixed.sums
refused 1 "stage 'theirs': onnx has changed since this run imported it" "$triage" build mixed_run
sha256sum --quiet -c mixed.sums || fail "a refused build changed the plan"

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

# The same images as files of many sizes, kept encoded: nets see them through their preprocessing, and the plan takes
# images of any size wherever it is used.
python3 - << 'PYTHON' || fail "no files of images"
import json, pathlib, struct
tds = open("tiny.tds", "rb").read()
at, size, labels = struct.unpack_from("<QQQ", tds, 16)
info = json.loads(tds[128:at].rstrip(b"\0"))
pathlib.Path("names.txt").write_text("\n".join(info["classes"]))  # the nets' order; folders are in that of the alphabet
side, channels, train = info["height"], info["channels"], info["train_count"]
for i in list(range(240)) + list(range(train, train + 80)):
    rows = [tds[at + (i * side + y) * side * channels:][:side * channels] for y in range(side)]
    zoom = 1 + i % 3
    rows = [b"".join(row[x * channels:][:channels] * zoom for x in range(side)) for row in rows for _ in range(zoom)]
    folder = pathlib.Path("photos", "train" if i < train else "test", info["classes"][tds[labels + i]])
    folder.mkdir(parents=True, exist_ok=True)
    kind = b"P6" if channels == 3 else b"P5"
    (folder / f"{i}.ppm").write_bytes(kind + b" %d %d 255\n" % (side * zoom, side * zoom) + b"".join(rows))
PYTHON
quietly "$triage" data import folder photos --keep-encoded --out encoded.tds
"$triage" cascade nets/little.onnx nets/big.onnx --data encoded.tds --classes little=names.txt --classes big=names.txt --seconds 0.05 --out any \
  > any.txt 2> log.txt || fail "$(cat log.txt)"
jq -e '.input.height == 0 and .input.width == 0' any/plan.json > /dev/null || fail "unexpected $(jq -c .input any/plan.json)"
"$triage" eval any --data encoded.tds --json > eval.json 2> log.txt || fail "$(cat log.txt)"
jq -e '.test.latency.agreement == 1 and .test.count == 80' eval.json > /dev/null || fail "$(jq -c .test.latency eval.json)"
quietly "$triage" predict any photos/test --json
jq -e '.answered == 80 and .failed == 0 and (.engines | all(. == "onnxruntime"))' out.txt > /dev/null || fail "unexpected $(head -c 500 out.txt)"
[ "$(jq '[.images[] | select(.label == (.file | split("/")[-2]))] | length' out.txt)" = \
  "$(jq '.test.operating_point | .confusion | [range(length) as $i | .[$i][$i]] | add' eval.json)" ] || fail "predict is right about other images than eval"
quietly "$triage" profile any --data encoded.tds --seconds 0.05 --memory --json
jq -e --argjson stages "$(jq '.stages | length' any/plan.json)" '(.entries | length == $stages + 1 and all(.[]; .latency_us.mean > 0))
  and (.memory | length == $stages and all(.[]; .peak_kb > 0))' out.txt > /dev/null || fail "unexpected costs: $(cat out.txt)"
quietly "$triage" profile any --data tiny.tds --seconds 0.05 --memory --json  # pixels of one size are of some size
for command in eval profile; do
  refused 1 "its images are kept encoded, of any size, and pixels of one size are needed" "$triage" $command run/plan --data encoded.tds
done
refused 1 "engine 'compiled': stage '$(jq -r '.stages[0].name' any/plan.json)': was not compiled" "$triage" predict any photos/test --engine compiled
echo "cascade_test: ok"
