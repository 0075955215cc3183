#!/usr/bin/env bash
# Data that a net was not trained on, damaged files, inputs without an end and names with escape sequences: each is
# refused, or made harmless, by every command that meets it.
# usage: integrity_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
# refused_at_once 'words' command...: exit code 1, in the time of one that has no end, and the words anywhere
refused_at_once() {
  local words=$1 code=0
  shift
  timeout 60 "$@" > out.txt 2> err.txt || code=$?
  [ $code -eq 1 ] || fail "$*: expected exit code 1, found $code: $(cat err.txt)"
  grep -qF -- "$words" err.txt out.txt || fail "$*: expected '$words', found: $(cat err.txt out.txt)"
}
import() { quietly "$triage" data import folder "$1" --height 12 --width 12 --out "$2"; }

# Three classes of images, all of a class the same.
seed=0
for class in ant bee dog; do
  seed=$((seed + 1))
  "$triage" data generate --out "$class.tds" --train 40 --test 4 --seed $seed > /dev/null
  "$triage" data info "$class.tds" --sheet "$class.png" > /dev/null
  mkdir -p photos/{train,test}/$class
  for i in $(seq 60); do ln "$class.png" "photos/train/$class/$i.png"; done
  for i in 1 2; do ln "$class.png" "photos/test/$class/$i.png"; done
done
import photos data.tds
cp data.tds own.tds
cat > pets.toml << 'TOML'
name = "pets"
seed = 7
threads = 2

[data]
file = "data.tds"
route = 60
validation = 30

[supernet]
space = "4:8:4-8"
epochs = 1
batch = 30

[[stage]]
name = "little"
arch = "4-8"
epochs = 1
batch = 30

[[stage]]
name = "big"
arch = "8-8,8"
epochs = 1
batch = 30

[router]
steps = 16
repeats = 1

[build]
profile_seconds = 0.05
single_net = false  # the test is about a pair, whatever the times
TOML
quietly "$triage" run pets.toml --run run
cp -r run whole

# Images or classes that the nets were not trained on.
others() {  # words
  refused_at_once "$1" "$triage" build run
  refused_at_once "$1" "$triage" run pets.toml --run run
  refused_at_once "$1" "$triage" subnets eval run --random 1
  refused_at_once "$1" "$triage" subnets cut run 4-8 --out cut.onnx
  refused_at_once "$1" "$triage" search search.toml --run found
  [ "$(cat run/plan/plan.json)" = "$(cat whole/plan/plan.json)" ] || fail "a refused command changed the plan"
}
printf 'name = "s"\n[search]\nsupernet = "run"\n' > search.toml
mv photos/train/dog photos/train/canine && mv photos/test/dog photos/test/canine
import photos data.tds
others "class 2: expected 'dog', found 'canine'"
refused_at_once "class 2 is 'canine'" "$triage" eval run/plan --data data.tds
refused_at_once "differ from those of plan" "$triage" quantize run/plan --out int8
mv photos/train/canine photos/train/dog && mv photos/test/canine photos/test/dog
for class in ant bee dog; do ln $class.png photos/train/$class/more.png; done
import photos data.tds
for command in "build run" "subnets eval run --random 1" "search search.toml --run found"; do
  # shellcheck disable=SC2086
  refused_at_once "was trained on other images than those of data set" "$triage" $command
done
refused_at_once "data: expected" "$triage" run pets.toml --run run
refused_at_once "run/plan/plan.json: its nets were trained on other images than those of data.tds: provenance/data/sha256: expected" "$triage" quantize run/plan --out int8
refused_at_once "this is not the data set that was evaluated" "$triage" report run --data data.tds --out elsewhere
quietly "$triage" eval run/plan --data data.tds --no-latency  # of the same classes, on purpose
quietly "$triage" quantize run/plan --out any8 --any-data
cp own.tds data.tds
quietly "$triage" quantize run/plan --out int8
quietly "$triage" build run
refused_at_once "nowhere: expected the config.toml that the plan was made by here or in the directory above" "$triage" quantize nowhere --out x
refused_at_once "'': expected the config.toml" "$triage" quantize "" --out x

# What was changed is refused, also by one digit; what was changed on purpose is read, with a warning.
refused_copy() {  # file, sed expression, command...
  local file=$1 change=$2
  shift 2
  rm -rf copy && cp -r whole copy
  sed -i "$change" "copy/$file"
  ! cmp -s "copy/$file" "whole/$file" || fail "$change changed nothing in $file"
  refused_at_once "copy/$file: checksum: expected" "$@"
}
refused_copy plan/plan.json '0,/"macs": /s//&1/' "$triage" predict copy/plan ant.png
refused_copy plan/plan.json '0,/"sha256": "[0-9a-f]*"/s//"sha256": ""/' "$triage" eval copy/plan --data data.tds
refused_copy costs.json '0,/"mean": /s//&1/' "$triage" report copy
refused_copy results.json '0,/"accuracy": /s//&1/' "$triage" report copy
printf 'x%.0s' {1..300} | dd of=copy/little_best.pt bs=1 seek=700 conv=notrunc status=none
refused_at_once "little_best.pt: " "$triage" build copy
printf 'xyz' | dd of=copy/plan/little.onnx bs=1 seek=2000 conv=notrunc status=none
cp whole/plan/plan.json copy/plan
refused_at_once "little.onnx: sha256: found" "$triage" eval copy/plan --data data.tds --no-latency
rm -rf copy && cp -r whole copy
jq 'del(.checksum) | .stages[0].exit.temperature = 2' whole/plan/plan.json > copy/plan/plan.json
quietly "$triage" predict copy/plan ant.png
grep -q "^warning: copy/plan/plan.json: has no checksum" err.txt || fail "expected a warning, found: $(cat err.txt)"
jq -S . whole/plan/plan.json > copy/plan/plan.json  # another layout of the same values
quietly "$triage" predict copy/plan ant.png
[ ! -s err.txt ] || ! grep warning err.txt || fail "expected no warning"

# No end, no writer: refused before anything is read.
mkfifo pipe
mkdir -p endless piped && ln -s /dev/zero endless/plan.json && mkfifo piped/plan.json
for input in /dev/zero pipe; do
  kind=$([ $input = pipe ] && echo pipe || echo device)
  refused_at_once "$input: cannot read: expected a file, found a $kind" "$triage" predict run/plan $input
  refused_at_once "found a $kind" "$triage" eval run/plan --data $input
  refused_at_once "found a $kind" "$triage" subnets eval run --list $input
done
refused_at_once "/dev/zero: cannot read: expected a file, found a device" "$triage" train /dev/zero
refused_at_once "pipe: " "$triage" train pipe  # nobody writes: it is empty
refused_at_once "endless/plan.json: cannot read: expected a file, found a device" "$triage" predict endless ant.png
refused_at_once "piped/plan.json: cannot read: expected a file, found a pipe" "$triage" predict piped ant.png

# What would be refused after hours is refused before: no run directory is left.
changed() {  # words, sed expression
  sed "$2" pets.toml > changed.toml
  ! cmp -s pets.toml changed.toml || fail "$2 changed nothing"
  refused_at_once "$1" "$triage" run changed.toml --run refused
  [ ! -e refused ] || fail "$2: a refused configuration left a run directory"
}
changed "'router.folds': expected" 's/^repeats = 1/folds = 2/'
changed "'router.steps': expected" 's/^steps = 16/steps = 1/'
changed "hidden times members of at most 4096" 's/^repeats = 1/hidden = 4096/'
changed "data.route: expected at least 50 images for 5 folds of [router], found 30" 's/^route = 60/route = 30/'
changed "batch: expected at most 90 (the training images), found 91" '0,/^batch = 30/s//batch = 91/'
changed "stage 'big': batch: expected at most 90" '/"8-8,8"/,/batch/s/^batch = 30/batch = 91/'
changed "augment.shift: expected at most 11 for images of 12x12, found 12" '0,/^\[\[stage\]\]/s//[supernet.augment]\nshift = 12\n\n[[stage]]/'
changed "would pool a map" 's/"8-8,8"/"8-8-8-8-8-8"/'
changed "exits: expected rising blocks" '/"8-8,8"/s/$/\nexits = [1]/'
changed "is not in the search space" '/"8-8,8"/s/$/\nfrom = "supernet"/'
changed "nowhere/supernet.pt" '/"4-8"/s/$/\nfrom = "nowhere"/'
changed "expected names of its own" 's/^name = "big"/name = "little_exit0"/;/"4-8"/s/$/\nexits = [0]/'
changed "'name': expected a name without control characters" 's/^name = "pets"/name = ""/'
mkdir -p single/{train,test}/ant
for i in $(seq 120); do ln ant.png "single/train/ant/$i.png"; done
ln ant.png single/test/ant/1.png
import single single.tds
changed "single.tds: expected at least two classes" 's/data.tds/single.tds/'

# Names with escape sequences stay text, on a terminal and in messages.
esc=$(printf '\033')
red="${esc}[31mred"
mv photos/train/dog "photos/train/$red" && mv photos/test/dog "photos/test/$red"
import photos red.tds
script -qec "'$triage' data info red.tds" /dev/null < /dev/null > terminal.txt
! grep -q "$esc\[31m" terminal.txt || fail "a class name reached the terminal as it is: $(cat -v terminal.txt)"
grep -qF '\x1b[31mred' terminal.txt || fail "expected the class with its escape spelled out: $(cat -v terminal.txt)"
refused_at_once '\x1b[31mred' "$triage" eval run/plan --data red.tds
! grep -q "$esc" err.txt || fail "a message holds an escape sequence"
refused_at_once 'no\x1b[2Jfile' "$triage" train "no${esc}[2Jfile"
echo "integrity_test: ok"
