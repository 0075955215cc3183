#!/usr/bin/env bash
# What the README and the docs tell people to type: every subcommand and option in them exists, and the plan in zoo/
# answers as the README says.
# usage: readme_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
lines=0

# Commands: the indented or fenced lines that begin with the program, and what stands between backquotes.
commands() {
  grep -hoE '^ *(build/release/)?triage [a-z].*' "$source/README.md" "$source"/docs/*.md
  grep -hoE '`(build/release/)?triage [a-z][^`]*`' "$source/README.md" "$source"/docs/*.md | tr -d '`'
}
while read -r program command rest; do
  lines=$((lines + 1))
  rest=${rest%%#*}
  sub=()
  read -r first _ <<< "$rest"
  case "$command ${first:-}" in "data "[a-z]* | "subnets "[a-z]*) sub=("$first") ;; esac
  help=$work/help_$command${sub[*]:-}.txt  # each is asked for once
  [ -e "$help" ] || "$triage" "$command" "${sub[@]}" --help > "$help" 2>&1 ||
    { problem "'$program $command ${sub[*]:-}': no such command"; continue; }
  for option in $(grep -oE '(^| )--[a-z-]+' <<< "$rest"); do
    grep -q -- "$option" "$help" || problem "'$program $command $rest': '$option' is not an option"
  done
done < <(commands | sort -u)
[ "$lines" -ge 10 ] || problem "expected at least 10 commands in README.md and docs/, found $lines"

zoo=$source/zoo/cifar10-pair
for plan in "$source"/zoo/*/plan.json; do
  plan=$(dirname "$plan")
  bytes=$(find "$plan" -type f -printf '%s\n' | awk '{sum += $1} END {print sum}')
  [ "$bytes" -le 8000000 ] || problem "$plan: expected at most 8 MB, found $bytes bytes"
done
"$triage" data generate --out "$work/shapes.tds" --train 80 --test 40 > /dev/null
"$triage" data info "$work/shapes.tds" --sheet "$work/sheet.png" > /dev/null
"$triage" predict "$zoo" "$work/sheet.png" --json > "$work/predict.json" 2> /dev/null
jq -e --slurpfile plan "$zoo/plan.json" '.images[0] | .label as $answer | ($plan[0].classes | index($answer)) != null and .microseconds > 0' \
  "$work/predict.json" > /dev/null || problem "$zoo: predict gave $(cat "$work/predict.json")"
echo "readme_test: $lines commands checked"
[ $failed = 0 ]
