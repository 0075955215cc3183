#!/usr/bin/env bash
# Every option that names something to write is looked at before anything is read: a place that cannot be written to ends the
# command at once, with exit code 2 and a message that names it, and nothing is made. Options are taken from --help.
# usage: outputs_test.sh TRIAGE SOURCE_DIR
set -euo pipefail
triage=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cases=0 failed=0
echo text > file
mkdir folder
echo '{"schema": 2}' > other.json

refused() {  # 'words' command...
  local words=$1 found=0
  shift
  "$@" > out.txt 2> err.txt || found=$?
  cases=$((cases + 1))
  if [ $found -ne 2 ] || ! grep -qF -- "$words" err.txt; then
    failed=$((failed + 1))
    echo "FAILED: $*"
    echo "  expected exit code 2 and '$words', found $found and: $(cat err.txt)"
  fi
}

# The arguments that come first; what they name is not there, so that whoever reads before it checks says so.
declare -A first=(
  ["data import"]="folder nothing --out x.tds" ["data get"]="cifar10 --out x.tds" ["data generate"]="--out x.tds" ["data info"]="nothing"
  [train]="nothing" ["subnets eval"]="nothing all" ["subnets cut"]="nothing largest" ["subnets pack"]="nothing --out x" ["subnets compare"]="nothing"
  [costs]="nothing" [search]="nothing" [coopt]="nothing" [refine]="nothing --out x" [run]="nothing"
  [quantize]="nothing --out x" [tune]="nothing" [compile]="nothing" [profile]="nothing --data nothing" [eval]="nothing --data nothing"
  [compare]="nothing nothing --data nothing" [report]="nothing" [export]="nothing"
)
options=0
declare -A as_folder=()  # names of options that were given a directory already: the same check is behind each name
for command in "${!first[@]}"; do
  for option in $("$triage" $command --help | grep -oE -- '^ +--(out|csv|figures|record|picture|store|study|scores|run|sheet)\b' || true); do
    options=$((options + 1))
    # What is given twice is refused for that: the option under test takes the place of the one that stands there.
    arguments=$(echo "${first[$command]}" | sed "s|$option [^ ]*||")
    [[ "$option" != --out && "$option" != --run ]] || refused "file" "$triage" $command $arguments $option file/x
    case "$command $option" in
      *" --run" | "report --out" | "quantize --out" | "subnets pack --out") refused "found a file: file" "$triage" $command $arguments $option file ;;
      "data "*" --out") refused "found the directory folder" "$triage" $command $arguments $option folder ;;
      *)
        refused "expected the directory nowhere, found none" "$triage" $command $arguments $option nowhere/x
        [ -n "${as_folder[$option]:-}" ] || refused "found the directory folder" "$triage" $command $arguments $option folder
        as_folder[$option]=1
        ;;
    esac
    [ "$option" != --figures ] || refused "other.json: schema" "$triage" $command $arguments $option other.json
  done
done
[ $options -ge 25 ] || { echo "FAILED: expected at least 25 options that name an output, found $options"; failed=$((failed + 1)); }

# Places that are said by nobody.
mkdir -p locked && chmod 555 locked
if [ ! -w locked ]; then
  refused "can be written to" "$triage" report locked
  refused "can be written to" bash -c "cd locked && '$triage' export nothing"
fi

[ "$(find . -type f | sort | tr '\n' ' ')" = "./err.txt ./file ./other.json ./out.txt " ] || { echo "FAILED: something was made: $(find .)"; failed=$((failed + 1)); }
[ "$(find . -mindepth 1 -type d | sort | tr '\n' ' ')" = "./folder ./locked " ] || { echo "FAILED: a directory was made: $(find . -type d)"; failed=$((failed + 1)); }
echo "outputs_test: $cases cases of $options options, $failed failed"
[ $failed = 0 ]
