#!/usr/bin/env bash
# From a folder of photographs to a plan without a configuration: triage auto, and triage init, which writes it alone.
# usage: auto_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
images=$source/tests/fixtures/images
mkdir -p photos/one photos/two
for i in $(seq 100); do
  cp "$images/colour.jpg" "photos/one/a$i.jpg"
  cp "$images/lossy.webp" "photos/one/b$i.webp"
  cp "$images/rgb.png" "photos/two/a$i.png"
  cp "$images/palette.gif" "photos/two/b$i.gif"
done

# What is refused comes before the work, and leaves nothing.
expect 2 "DATA: Path does not exist: nowhere" "$triage" init nowhere
expect 2 "--latency: expected a time with its unit" "$triage" init photos --side 16 --latency 3
expect 1 "--latency: expected" "$triage" init photos --side 16 --latency 0.001us --out never.toml
[ ! -e never.toml ] || problem "a limit that no pair keeps left never.toml"

# A minute's tenth is far too short: it is said, and what there is comes out.
quietly "$triage" auto photos --side 16 --minutes 0.1 --run runs/photos
grep -q "^photos has no splits, so its images are drawn: 80 % for fitting" out.txt || problem "no word on splits: $(cat out.txt)"
grep -q "so more --minutes or a smaller --side make it better" out.txt || problem "no word on time: $(cat out.txt)"
for file in runs/photos.toml runs/photos.16px.tds runs/photos/plan/plan.json runs/photos/plan/curve.json runs/photos/report.html; do
  [ -s "$file" ] || problem "expected $file, found none"
done
grep -q '^# photos has no splits' runs/photos.toml || problem "no reason in the configuration: $(cat runs/photos.toml)"
quietly "$triage" auto photos --side 16 --minutes 0.1 --run runs/photos
grep -q "goes on with what runs/photos.toml says" err.txt || problem "begun anew: $(cat err.txt)"
quietly "$triage" predict runs/photos/plan "$images/colour.jpg"

# The configuration alone, of an imported set.
quietly "$triage" init runs/photos.16px.tds --minutes 0.1 --latency 100s --out mine.toml
quietly "$triage" run mine.toml --dry-run --json
jq -e '.networks | map(.name) == ["little", "big"] and .[0].mmac < .[1].mmac' out.txt > /dev/null || problem "unexpected networks: $(cat out.txt)"
grep -q '^latency_us = ' mine.toml || problem "no limit in mine.toml: $(cat mine.toml)"
expect 2 "mine.toml: expected no such file, found one" "$triage" init runs/photos.16px.tds --out mine.toml
expect 2 "--side: the images of runs/photos.16px.tds have a size" "$triage" init runs/photos.16px.tds --side 8 --out other.toml

[ $failed -eq 0 ] || fail "$failed cases failed"
echo "auto_test: passed"
