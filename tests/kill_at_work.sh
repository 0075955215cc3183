# To be sourced by tests that have fail().
# kill_at_work CONDITION COMMAND...: starts the command, waits for the condition (shell text; $pid is the command) and ends it
# with kill -9. Fails when it had ended before: then nothing was proven.
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
