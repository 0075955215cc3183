#!/usr/bin/env bash
# `triage predict` on what people have: directories, lists, every format, bad files among good ones, odd names.
# usage: predict_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
plan=$source/zoo/cifar10-pair images=$source/tests/fixtures/images
# predict CODE arguments...: runs it with --json into out.json
predict() {
  local code=$1 found=0
  shift
  "$triage" predict "$plan" "$@" --json > out.json 2> err.txt || found=$?
  [ $found -eq "$code" ] || fail "predict $*: exit code $found, expected $code: $(cat err.txt)"
}
check() { jq -e "$1" out.json > /dev/null || fail "expected $1: $(cat out.json)"; }

# One bad image among good ones: the others are answered, in order.
mkdir -p photos/sub
cp "$images"/{colour.jpg,rgb.png,lossy.webp,palette.gif,rgb.bmp,rgb_lzw.tif,binary.ppm} photos/
cp "$images/cmyk.jpg" photos/sub/z.png
head -c 400 "$images/colour.jpg" > photos/cut.jpg
predict 1 photos
check '.images | length == 9'
check '[.images[].file] == ["photos/binary.ppm", "photos/colour.jpg", "photos/cut.jpg", "photos/lossy.webp", "photos/palette.gif", "photos/rgb.bmp", "photos/rgb.png", "photos/rgb_lzw.tif", "photos/sub/z.png"]'
check '.images[2] | has("label") | not'
check '.images[2].error | startswith("unreadable JPEG: ")'
check '[.images[] | select(has("error") | not) | .label | type == "string"] | length == 8 and all'
check '.answered == 8 and .failed == 1 and .skipped == 0 and .fit == "squash"'
grep -q '1 of 9 images failed, the first: photos/cut.jpg: unreadable JPEG' err.txt || fail "no summary: $(cat err.txt)"
"$triage" predict "$plan" photos > table.txt 2> /dev/null && fail "exit code 0 in spite of a bad image"
[ "$(wc -l < table.txt)" -eq 9 ] || fail "expected nine rows: $(cat table.txt)"
grep -q '^photos/cut.jpg  *error: unreadable JPEG: ' table.txt || fail "no error in the row: $(cat table.txt)"
rm photos/cut.jpg

# Stray files of a directory are skipped and counted; named, they are failures.
echo "not an image" > photos/notes.txt
: > photos/empty.jpg
printf '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1' > photos/Thumbs.db
touch photos/.hidden
mkfifo photos/pipe
predict 0 photos
check '(.images | length == 8) and .skipped == 5'
grep -q 'skipped 5 files that are no images: .*a text (1)' err.txt || fail "not counted by kind: $(cat err.txt)"
predict 1 photos/notes.txt photos/rgb.png
check '(.images[0].error | startswith("a text, expected an image")) and .images[1].label != null'
predict 1 missing.png
check '.images[0].error | test("cannot open")'

# Lists: lines, or zero bytes between names; many files, more than one batch of them.
printf 'photos/rgb.png\nphotos/rgb.bmp\n' | predict 0 -
check '[.images[].file] == ["photos/rgb.png", "photos/rgb.bmp"]'
printf 'photos/rgb.png\0photos/rgb.bmp\0' | predict 0 -
check '.images | length == 2'
for i in $(seq 300); do echo "photos/rgb.$([ $((i % 2)) = 0 ] && echo png || echo bmp)"; done > list.txt
predict 0 - < list.txt
jq -r '.images[].file' out.json | cmp - list.txt || fail "the order of a long list"
predict 1 - < /dev/null
predict 1 - < /dev/zero
grep -q 'standard input: ' err.txt || fail "an endless list: $(cat err.txt)"

# Any bytes in a name: valid JSON, the bytes that are no UTF-8 as \xNN.
odd=$(printf 'caf\xe9 "50%% off"\n.png')
cp "$images/rgb.png" "$odd"
predict 0 "./$odd"
check '.images[0].file == "./caf\\xe9 \"50% off\"\n.png"'

# How it is read and fitted.
predict 0 "$images/turned6.jpg" --fit pad
check '.fit == "pad"'
predict 0 "$images/turned6.jpg" --no-exif-orientation
predict 1 "$images/colour.jpg" --max-megapixels 0.001 "$images/photo.jpg"
check '(.images[0].error == null) and (.images[1].error | test("at most 0.001 megapixels"))'
"$triage" predict "$plan" photos --fit stretch > /dev/null 2> err.txt && fail "--fit stretch was taken"

# The fit goes from the import into the plan's data set.
for split in train test; do mkdir -p "set/$split/a" "set/$split/b"; cp "$images"/{rgb,p}.png "set/$split/a"; cp "$images"/{colour.jpg,rgb.bmp} "set/$split/b"; done
"$triage" data import folder set --height 8 --width 8 --fit crop --out set.tds --json > out.json
check '.fit == "crop" and .train_count == 4'
"$triage" data import folder set --fit crop --out none.tds > /dev/null 2>&1 && fail "--fit without a size was taken"
echo "predict: all as expected"
