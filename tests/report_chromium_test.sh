#!/usr/bin/env bash
# Opens a report in a real, headless Chromium and checks that it shows every picture, in light and dark.
#   report_chromium_test.sh --fixture TRIAGE_REPORT_TEST   the made-up run that this test binary writes
#   report_chromium_test.sh --report REPORT.html           a report of your own
# A second pair, --screenshot FILE.png, keeps the light screenshot (FILE.dark.png the dark one).
# Exit code 77: Chromium is not installed (ctest: SKIP_RETURN_CODE 77).
set -euo pipefail

usage() { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }

fixture='' report='' screenshot=''
while [[ $# -ge 2 ]]; do
  case "$1" in
    --fixture) fixture="$(realpath "$2")" ;;
    --report) report="$(realpath "$2")" ;;
    --screenshot) screenshot="$(realpath -m "$2")" ;;
    *) usage ;;
  esac
  shift 2
done
[[ $# -eq 0 && -n "$fixture$report" ]] || usage

browser="$(command -v chromium || command -v chromium-browser || true)"
if [[ -z "$browser" ]]; then
  echo "chromium is not installed; skipped" >&2
  exit 77
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
if [[ -n "$fixture" ]]; then
  TEST_TMPDIR="$work" "$fixture" --gtest_brief=1 --gtest_also_run_disabled_tests --gtest_filter=Report.DISABLED_LeavesAPageForTheBrowser
  report="$work/triage_report_fixture/report.html"
fi

chromium() {  # PROFILE, then more options
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync \
    --user-data-dir="$work/profile-$1" "${@:2}" "file://$report" 2>"$work/chromium.log" ||
    { cat "$work/chromium.log" >&2; echo "chromium failed" >&2; return 1; }
}

expected="$(grep -c '<img ' "$report")"
[[ "$expected" -ge 3 ]] || { echo "$report: found $expected pictures, expected at least 3" >&2; exit 1; }
for theme in light dark; do
  options=()
  [[ "$theme" == dark ]] && options=(--blink-settings=preferredColorScheme=0)
  chromium "$theme" "${options[@]}" --dump-dom >"$work/dom.html"
  body="$(grep -o '<body[^>]*>' "$work/dom.html" | sed -n 1p)"
  for attribute in data-pictures data-pictureswithsize; do
    found="$(sed -n "s/.*$attribute=\"\([0-9]*\)\".*/\1/p" <<<"$body")"
    [[ "$found" == "$expected" ]] ||
      { echo "$report ($theme): $attribute is '$found', expected $expected in: $body" >&2; exit 1; }
  done
  chromium "$theme-shot" "${options[@]}" --window-size=1240,2400 --hide-scrollbars --screenshot="$work/$theme.png" >/dev/null
  [[ "$(head -c 8 "$work/$theme.png" | od -An -tx1 | tr -d ' \n')" == 89504e470d0a1a0a ]] ||
    { echo "$report ($theme): the screenshot is not a PNG" >&2; exit 1; }
  size="$(stat -c %s "$work/$theme.png")"
  [[ "$size" -gt 50000 ]] || { echo "$report ($theme): a screenshot of $size bytes is an empty page" >&2; exit 1; }
done
cmp -s "$work/light.png" "$work/dark.png" && { echo "$report: light and dark look the same" >&2; exit 1; }
if [[ -n "$screenshot" ]]; then
  cp "$work/light.png" "$screenshot"
  cp "$work/dark.png" "${screenshot%.png}.dark.png"
fi
echo "$report: $expected pictures shown in light and dark"
