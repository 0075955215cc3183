# What tests of the program begin with; to be sourced with their arguments, TRIAGE SOURCE_DIR, before anything else. They
# stand then in a directory of their own, $work, which is gone at the end (cleanup() may be replaced). out.txt and err.txt
# are what the last command of one of these printed:
#   quietly COMMAND...               must end with exit code 0
#   refused CODE 'words' COMMAND...  must end with that exit code and these words on stderr
#   expect CODE 'words' COMMAND...   the same, but the test goes on and counts: $cases, $failed
#   tiny_config NAME                 prints the head of a configuration of small trainings on $work/tiny.tds; stages follow
#   serve OPTIONS...                 triage serve on some port, as $server at $url, until stop_server or the test's end
#   served_as_predicted SERVED PREDICTED   files: the server's answer to an image must be that of triage predict --json
#   made_up_costs FILE OPTIONS...    a table of costs of the run net/, of tests/tiny_supernet.toml, with every time made up
#   kill_at_work CONDITION COMMAND...  starts the command, waits for the condition (shell text; $pid is the command) and ends
#                                    it with kill -9. Fails when it had ended before: then nothing was proven.
set -euo pipefail
triage=$1 source=$2
test_name=$(basename "$0" .sh)
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill -9 "$server" 2> /dev/null || true
  rm -rf "$work"
}
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

tiny_config() {
  cat <<END
name = "$1"
seed = 7
threads = 2
checkpoint_seconds = 0

[data]
file = "$work/tiny.tds"
route = 200
validation = 200

[router]
steps = 40
repeats = 1

[build]
profile_seconds = 0.2
single_net = false

END
}

serve() {
  : > served.txt  # that of a server before would be read else
  "$triage" serve --port 0 "$@" > served.txt 2> served_err.txt & server=$!
  until grep -q '^serving ' served.txt; do
    kill -0 $server 2> /dev/null || fail "serve $*: $(cat served_err.txt)"
    sleep 0.05
  done
  url=$(sed -n 's/^serving .* at //p' served.txt)
  url=${url%/}
}
served_as_predicted() {
  jq -e --slurpfile predicted "$2" '[.outputs[] | {key: .name, value: .data[0]}] | from_entries as $served | $predicted[0].images[0] |
    .class == $served.label and .label == $served.class and .exit == $served.exit and ((.probability - $served.probability) | fabs) < 1e-6' \
    "$1" > /dev/null || fail "the server answers $(cat "$1"), predict $(cat "$2")"
}
stop_server() {  # it answers what it has been asked, and ends with 0
  local code=0
  kill -TERM $server
  wait $server || code=$?
  server=
  [ $code = 0 ] || fail "ended with exit code $code: $(cat served_err.txt)"
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
