#!/usr/bin/env bash
# A plan measured over a real sshd on loopback: what comes back, what stays there, what is said when it goes wrong, and
# that a measurement goes on where the device went away.
# usage: remote_test.sh TRIAGE SOURCE_DIR TRIAGE_MEASURE
set -euo pipefail
triage=$1 source=$2 program=$3
fail() { echo "remote_test: $*" >&2; exit 1; }
sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd) || fail "found no sshd; scripts/setup installs openssh-server"

work=$(mktemp -d)
daemon=
descendants() { local child; for child in $(pgrep -P "$1" || true); do descendants "$child"; echo "$child"; done; }
lose_device() {  # the daemon, its sessions and what runs in them
  [ -n "$daemon" ] || return 0
  local pids; pids=$(descendants "$daemon")
  # shellcheck disable=SC2086
  kill -KILL "$daemon" $pids 2> /dev/null || true
  wait "$daemon" 2> /dev/null || true
  daemon=
}
mounted=
cleanup() { lose_device; [ -z "$mounted" ] || umount "$mounted"; rm -rf "$work"; }
trap cleanup EXIT

# The daemon: its own keys and configuration; fakes of the device's tools stand first in PATH.
bin=$work/bin device="$work/the device's"
mkdir -p "$bin"
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$work/host"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
ssh-keygen -q -t ed25519 -N '' -f "$work/strange"
cp "$work/key.pub" "$work/authorized"
free_port() { local port; while :; do port=$((20000 + RANDOM)); (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }; done; }
port=$(free_port) dead_port=$(free_port)
cat > "$work/sshd_config" <<CONFIG
Port $port
ListenAddress 127.0.0.1
HostKey $work/host
AuthorizedKeysFile $work/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH=$bin:$PATH
CONFIG
start_device() {
  "$sshd" -D -f "$work/sshd_config" -E "$work/sshd.log" &
  daemon=$!
  for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null && return; sleep 0.05; done
  fail "sshd did not start: $(cat "$work/sshd.log")"
}
start_device

# NAME ARCHITECTURE [LINE...]: an entry of devices.toml.
entry() {
  printf '[[device]]\nname = "%s"\narchitecture = "%s"\nssh = "%s@127.0.0.1"\nwork_directory = "%s"\n' "$1" "$2" "$(id -un)" "$device"
  printf 'ssh_options = ["-F", "none", "-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=%s/known", "-o", "StrictHostKeyChecking=no"]\n' "$work"
  shift 2
  printf '%s\n' "$@"
}
here=$(uname -m) key="identity_file = \"key\"" at="port = $port" once="retries = 0"
mine="program = \"$program\""
[ "$here" = x86_64 ] && other=aarch64 || other=x86_64
printf '#!/bin/sh\necho no program\n' > "$work/script"
LC_ALL=C sed 's/libonnxruntime\.so/libonnxruntimX.so/g' "$program" > "$work/no_library"
cp "$(type -P false)" "$work/false"
{
  entry board "$here" "$mine" "$at" "$key" "$once"
  entry steady "$here" "$mine" "$at" "$key" "retries = 5" "retry_seconds = 0.2"
  entry patient "$here" "$mine" "$at" "$key" "retries = 3" "retry_seconds = 0.3"
  entry hasty "$here" "$mine" "$at" "$key" "$once" "timeout_seconds = 2"
  entry gone "$here" "$mine" "port = $dead_port" "$key" "retries = 1" "retry_seconds = 0.1"
  entry stranger "$here" "$mine" "$at" 'identity_file = "strange"'
  entry other "$other" "$mine" "$at" "$key"
  entry script "$here" 'program = "script"' "$at" "$key"
  entry no_library "$here" 'program = "no_library"' "$at" "$key"
  entry false "$here" 'program = "false"' "$at" "$key"
} > "$work/devices.toml"

plan=$source/zoo/cifar10-pair
"$triage" data generate --out "$work/shapes.tds" --train 80 --test 40 > /dev/null
profile() { local name=$1; shift; "$triage" profile "$plan" --data "$work/shapes.tds" --devices "$work/devices.toml" --device "$name" "$@"; }
refuses() {  # DEVICE MESSAGE: exit code 1, one error that says so
  local code=0
  profile "$1" --seconds 0.1 > /dev/null 2> "$work/errors.txt" || code=$?
  [ "$code" = 1 ] || fail "$1: expected exit code 1, found $code: $(cat "$work/errors.txt")"
  grep -q -- "$2" "$work/errors.txt" || fail "$1: expected '$2', found: $(cat "$work/errors.txt")"
}
fake() { printf '#!/bin/sh\n%s\n' "$2" > "$bin/$1"; chmod +x "$bin/$1"; }

# The whole way; nothing is copied twice, and only programs and files stay.
profile board --seconds 0.2 --batch 1,2 --out "$work/board.json" > "$work/table.txt" 2> "$work/log.txt" || { cat "$work/log.txt"; fail "profile failed"; }
grep -q "copying 5 files" "$work/log.txt" || fail "expected 5 files to be copied: $(cat "$work/log.txt")"
jq -e '.device == "board" and (.entries | length) == 6 and (.states | length) == 2 and (.states[0].before | has("celsius"))
  and ([.entries[] | select(.latency_us.count >= 9 and .latency_us.mean > 0)] | length) == 6 and .machine.cores > 0' "$work/board.json" > /dev/null ||
  fail "an unexpected table: $(jq -c 'del(.states)' "$work/board.json")"
[ "$(ls "$device/state" "$device/plans" | grep -v ':$' | xargs)" = lock ] || fail "expected no state and no plan to stay: $(ls "$device/state" "$device/plans")"
profile board --seconds 0.1 --provider xnnpack --json > "$work/xnnpack.json" 2> "$work/log.txt"
! grep -q copying "$work/log.txt" || fail "files were copied again"
jq -e '[.entries[] | select(.provider == "xnnpack")] | length == 2' "$work/xnnpack.json" > /dev/null || fail "expected 2 rows with xnnpack"

# Away in the middle: reported; the next call measures what is missing and nothing twice.
measured() { cat "$device"/state/*.jsonl 2> /dev/null | grep -c '"entries"' || true; }
wait_for_rows() { for _ in $(seq 600); do [ "$(measured)" -lt "$1" ] || return 0; sleep 0.05; done; fail "nothing was measured within 30 s"; }
long=(--seconds 0.2 --batch 1,2,4,8,16,32)
profile board "${long[@]}" > /dev/null 2> "$work/log.txt" & call=$!
wait_for_rows 2
lose_device
code=0; wait "$call" || code=$?
[ "$code" = 1 ] || fail "expected exit code 1 when the device vanished, found $code"
grep -q "measuring: connection lost.*the same command goes on" "$work/log.txt" || fail "expected 'connection lost', found $(cat "$work/log.txt")"
cat "$device"/state/*.jsonl | jq -cs '[.[].entries // empty] | add' > "$work/before.json"
rows=$(jq length "$work/before.json")
[ "$rows" -ge 6 ] && [ "$rows" -lt 18 ] || fail "expected 6 to 15 rows before the device vanished, found $rows"
start_device
profile board "${long[@]}" --json > "$work/resumed.json" 2> "$work/log.txt" || { cat "$work/log.txt"; fail "the call did not go on"; }
jq -e --slurpfile before "$work/before.json" '(.entries | length) == 18 and .entries[:($before[0] | length)] == $before[0]' "$work/resumed.json" > /dev/null ||
  fail "expected 18 rows that begin with the $rows measured before"

# With retries the same call goes on by itself.
profile steady "${long[@]}" --json > "$work/steady.json" 2> "$work/log.txt" & call=$!
wait_for_rows 1
lose_device
start_device
wait "$call" || { cat "$work/log.txt"; fail "expected the call to survive a lost device"; }
jq -e '(.entries | length) == 18 and .device == "steady"' "$work/steady.json" > /dev/null || fail "expected 18 rows"

# The layers of a search space, measured there. Lost in the middle: what was measured is kept and not measured again.
"$triage" data generate --out "$work/small.tds" --train 300 --test 40 > /dev/null
sed "s|DATA|$work/small.tds|; s/^\(route\|validation\) = .*/\1 = 50/; s/^epochs = .*/epochs = 1/; s/^space = .*/space = \"8-8:16:8-16:24:8\"/" \
  "$source/tests/tiny_supernet.toml" > "$work/tiny.toml"
"$triage" train "$work/tiny.toml" --run "$work/net" > /dev/null 2> "$work/log.txt" || fail "$(cat "$work/log.txt")"
table=layer_costs_on_patient.json
mkdir "$work/found"
costs() { "$triage" costs "$work/net" --seconds 0.3 --devices "$work/devices.toml" --device patient --out "$work/found/$table"; }
costs > /dev/null 2> "$work/log.txt" & call=$!
wait_for_rows 1
lose_device
code=0; wait "$call" || code=$?
[ "$code" = 1 ] || fail "expected exit code 1 when the device vanished, found $code"
grep -q "trying again in 0.3 s" "$work/log.txt" && grep -q "tried 4 times; what was measured is kept there, the same command goes on" "$work/log.txt" ||
  fail "expected what is kept: $(cat "$work/log.txt")"
{ cat "$device"/state/*.jsonl 2> /dev/null || true; } | jq -cs '[.[].entries // empty] | add // []' > "$work/before.json"

# A search on that table scores subnets while the device is away and comes back; complete, the table needs it no more.
cat > "$work/search.toml" <<SEARCH
name = "on-a-device"
seed = 3
[search]
supernet = "$work/net"
device = "patient"
devices = "$work/devices.toml"
batch = 20
population = 20
max_trials = 60
profile_seconds = 0.3
SEARCH
search() { "$triage" search "$work/$1.toml" --run "$work/$2" > /dev/null 2> "$work/log.txt"; }
search_fails() {  # CONFIGURATION RUN MESSAGE
  local code=0
  search "$1" "$2" || code=$?
  [ "$code" = 1 ] && grep -q -- "$3" "$work/log.txt" || fail "$1: expected exit code 1 and '$3', found $code: $(cat "$work/log.txt")"
}
search search found & call=$!
for _ in $(seq 600); do grep -q "it scores subnets and comes back" "$work/log.txt" 2> /dev/null && break; sleep 0.05; done
start_device
wait "$call" || fail "the search did not come back: $(cat "$work/log.txt")"
grep -q "search: patient .*unreachable.*it scores subnets and comes back" "$work/log.txt" || fail "expected what it does meanwhile: $(cat "$work/log.txt")"
jq -e '.points | length > 0' "$work/found/front.json" > /dev/null || fail "expected a front"
jq -e --slurpfile before "$work/before.json" '.complete and .device == "patient" and ([.states[].rows | length] | add) == .visits
  and (.states[0].before | has("celsius")) and .machine.cores > 0 and .error.whole_nets.stages > 0
  and ([.stages[].samples_us[]] | contains([$before[0][] | select(has("nodes") | not) | .latency_us.mean * 1000 | round / 1000]))' "$work/found/$table" > /dev/null ||
  fail "an unexpected table: $(jq -c 'del(.states, .layers, .stages)' "$work/found/$table")"
[ "$(ls "$device/state" "$device/plans" | grep -v ':$' | xargs)" = lock ] || fail "expected no state and no nets to stay"
lose_device
mkdir "$work/again" && cp "$work/found/$table" "$work/again"
sed '/^devices = /d' "$work/search.toml" > "$work/again.toml"
search again again || fail "a complete table needs its device: $(cat "$work/log.txt")"
[ "$(jq -c .points "$work/found/front.json")" = "$(jq -c .points "$work/again/front.json")" ] || fail "the same costs gave another front"
sed 's/"patient"/"gone"/' "$work/search.toml" > "$work/nowhere.toml"
search_fails nowhere nothing "gone .*unreachable.*all 4 subnets that the search begins with are scored"

# Tables of two devices are never mixed.
mkdir "$work/mixed" "$work/two"
cp "$work/found/$table" "$work/mixed/layer_costs_on_steady.json"
sed 's/"patient"/"steady"/' "$work/search.toml" > "$work/mixed.toml"
search_fails mixed mixed "device: found 'patient', where the costs were measured, expected 'steady'"
cp "$work/found/$table" "$work/two"
jq '.precision = "int8" | .machine.cpu = "another" | del(.checksum)' "$work/found/$table" > "$work/two/layer_costs_int8_on_patient.json"
sed 's/^batch/precisions = ["fp32", "int8"]\n&/' "$work/search.toml" > "$work/two.toml"
search_fails two two "layer_costs_int8_on_patient.json: machine.cpu: found 'another'"
start_device

# What can be wrong, by name.
refuses gone "unreachable: .*Connection refused; tried 2 times"
refuses stranger "permission denied: "
refuses other "found a program for $here, expected a program for $other"
refuses script "found no program, expected a program for $here"
refuses false "starting the measuring program: failed: exit code 1"
refuses no_library "library missing: .*libonnxruntimX.so.*install ONNX Runtime"
refuses nobody "found no 'nobody', expected one of: board, steady"
fake uname 'echo armv7l'
refuses board "wrong architecture: uname -m: found 'armv7l', expected '$here'"
rm "$bin/uname"
fake df 'printf "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 9 8 1 99%% /\n"'
refuses board "disk full: .*found 1 KiB free, expected at least"
rm "$bin/df"
rm -rf "$device"
fake cat 'echo "cat: write error: No space left on device" >&2; exit 1'
refuses board "copying .*: disk full: "
[ -z "$(ls "$device/programs" "$device/files" | grep -v ':$')" ] || fail "a part of a file stayed"
rm "$bin/cat"
fake sha256sum 'sleep 60'
refuses hasty "timeout: no sign of life"
rm "$bin/sha256sum"
fake sha256sum 'echo 0123456789 -'
refuses board "checksum: found 0123456789, expected"
rm "$bin/sha256sum"
rm -rf "$device"
: > "$device"
refuses board "checking it: failed: mkdir"
rm "$device"
mkdir "$device"
if mount -t tmpfs -o size=1m none "$device" 2> /dev/null; then  # a disk that really is full; needs root
  mounted=$device
  refuses board "disk full: .*KiB free, expected at least"
  fake df 'printf "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 9 8 99999999 1%% /\n"'
  refuses board "copying .*triage-measure: disk full: .*No space left on device"
  rm "$bin/df"
fi
code=0
"$triage" profile "$plan" --data "$work/shapes.tds" --devices "$work/devices.toml" > /dev/null 2>&1 || code=$?
[ "$code" = 2 ] || fail "--devices without --device: expected exit code 2, found $code"
echo "remote_test: ok"
