#!/usr/bin/env bash
# Every option that names something to write is looked at before anything is read: a place that cannot be written to ends the
# command at once, with exit code 2 and a message that names it, and nothing is made. Options are taken from --help.
# usage: outputs_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
echo text > file
mkdir folder
echo '{"schema": 2}' > other.json


# The arguments that come first; what they name is not there, so that whoever reads before it checks says so.
declare -A first=(
  ["data import"]="folder nothing --out x.tds" ["data get"]="cifar10 --out x.tds" ["data generate"]="--out x.tds" ["data info"]="nothing"
  [train]="nothing" ["subnets eval"]="nothing all" ["subnets cut"]="nothing largest" ["subnets pack"]="nothing --out x" ["subnets compare"]="nothing"
  [costs]="nothing" [search]="nothing" [coopt]="nothing" [refine]="nothing --out x" [run]="nothing" [init]="folder" [auto]="folder"
  [quantize]="nothing --out x" [tune]="nothing" [compile]="nothing" [profile]="nothing --data nothing" [eval]="nothing --data nothing"
  [compare]="nothing nothing --data nothing" [report]="nothing" [export]="nothing" [curve]="nothing --data nothing"
)
options=0
declare -A as_folder=()  # names of options that were given a directory already: the same check is behind each name
for command in "${!first[@]}"; do
  for option in $("$triage" $command --help | grep -oE -- '^ +--(out|csv|figures|record|picture|store|study|scores|run|sheet)\b' || true); do
    options=$((options + 1))
    # What is given twice is refused for that: the option under test takes the place of the one that stands there.
    arguments=$(echo "${first[$command]}" | sed "s|$option [^ ]*||")
    [[ "$option" != --out && "$option" != --run ]] || expect 2 "file" "$triage" $command $arguments $option file/x
    case "$command $option" in
      *" --run" | "report --out" | "quantize --out" | "subnets pack --out") expect 2 "found a file: file" "$triage" $command $arguments $option file ;;
      "data "*" --out") expect 2 "found the directory folder" "$triage" $command $arguments $option folder ;;
      *)
        expect 2 "expected the directory nowhere, found none" "$triage" $command $arguments $option nowhere/x
        [ -n "${as_folder[$option]:-}" ] || expect 2 "found the directory folder" "$triage" $command $arguments $option folder
        as_folder[$option]=1
        ;;
    esac
    [ "$option" != --figures ] || expect 2 "other.json: schema" "$triage" $command $arguments $option other.json
  done
done
[ $options -ge 25 ] || problem "expected at least 25 options that name an output, found $options"

# Places that are said by nobody.
mkdir -p locked && chmod 555 locked
if [ ! -w locked ]; then
  expect 2 "can be written to" "$triage" report locked
  expect 2 "can be written to" bash -c "cd locked && '$triage' export nothing"
fi

[ "$(find . -type f | sort | tr '\n' ' ')" = "./err.txt ./file ./other.json ./out.txt " ] || problem "something was made: $(find .)"
[ "$(find . -mindepth 1 -type d | sort | tr '\n' ' ')" = "./folder ./locked " ] || problem "a directory was made: $(find . -type d)"
echo "outputs_test: $cases cases of $options options, $failed failed"
[ $failed = 0 ]
