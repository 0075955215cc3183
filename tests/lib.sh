# What tests of the program begin with; to be sourced with their arguments, TRIAGE SOURCE_DIR, before anything else. They
# stand then in a directory of their own, $work, which is gone at the end (cleanup() may be replaced). out.txt and err.txt
# are what the last command of one of these printed:
#   quietly COMMAND...               must end with exit code 0
#   refused CODE 'words' COMMAND...  must end with that exit code and these words on stderr
#   expect CODE 'words' COMMAND...   the same, but the test goes on and counts: $cases, $failed
#   made_up_costs FILE OPTIONS...    a table of costs of the run net/, of tests/tiny_supernet.toml, with every time made up
#   kill_at_work CONDITION COMMAND...  starts the command, waits for the condition (shell text; $pid is the command) and ends
#                                    it with kill -9. Fails when it had ended before: then nothing was proven.
set -euo pipefail
triage=$1 source=$2
test_name=$(basename "$0" .sh)
work=$(mktemp -d)
cleanup() { rm -rf "$work"; }
trap cleanup EXIT
cd "$work"

fail() { echo "$test_name: $*" >&2; exit 1; }
cases=0 failed=0
problem() { echo "FAILED: $*" >&2; failed=$((failed + 1)); }

quietly() { "$@" > out.txt 2> err.txt || fail "$*: $(cat err.txt)"; }

unlike() {  # CODE 'words' COMMAND...: prints how it was different, nothing where it was not
  local code=$1 words=$2 found=0
  shift 2
  "$@" > out.txt 2> err.txt || found=$?
  [ $found = "$code" ] && { [ -z "$words" ] || grep -qF -- "$words" err.txt; } ||
    echo "expected exit code $code and '$words' of $*, found $found: $(cat err.txt)"
}
refused() {
  local difference; difference=$(unlike "$@")
  [ -z "$difference" ] || fail "$difference"
}
expect() {
  local difference; difference=$(unlike "$@")
  cases=$((cases + 1))
  [ -z "$difference" ] || problem "$difference"
}

made_up_costs() {
  local file=$1
  shift
  "$triage" costs net --out "measured_$file" "$@" > /dev/null 2> log.txt || fail "$(cat log.txt)"
  jq -f "$source/tests/made_up_costs.jq" "measured_$file" > "$file"
}

kill_at_work() {
  local condition=$1 pid code=0
  shift
  "$@" > killed_out.txt 2> killed_err.txt & pid=$!
  until eval "$condition" 2> /dev/null; do
    kill -0 $pid 2> /dev/null || break
    sleep 0.01
  done
  kill -9 $pid 2> /dev/null || true
  wait $pid 2> /dev/null || code=$?
  [ $code = 137 ] || fail "$*: ended with exit code $code before '$condition': $(cat killed_err.txt)"
}
