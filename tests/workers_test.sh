#!/usr/bin/env bash
# A search whose subnets are scored by three processes that share nothing but a PostgreSQL server, as on three machines:
# one is killed -9 at a subnet. What is found is what one process finds, to the bit.
# usage: workers_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"

# A cluster in $work/server, reachable through a socket there.
bin=$(echo /usr/lib/postgresql/*/bin)
[ -x "${bin%% *}/initdb" ] || { echo "$test_name: no PostgreSQL server; scripts/setup installs it"; exit 77; }
bin=${bin%% *}
as=()
mkdir server
[ "$(id -u)" != 0 ] || { chmod 711 . && chown postgres server && as=(setpriv --reuid=postgres --regid=postgres --init-groups); }
(cd server && "${as[@]}" "$bin/initdb" -D "$work/server/data" -U triage -A trust --locale=C -E UTF8 -N > /dev/null 2> "$work/log.txt") || fail "$(cat log.txt)"
(cd server && exec "${as[@]}" "$bin/postgres" -D "$work/server/data" -c listen_addresses= -c "unix_socket_directories=$work/server" -c fsync=off > "$work/server.txt" 2>&1) &
server=$!
cleanup() { kill -INT $server 2> /dev/null || true; wait $server 2> /dev/null || true; rm -rf "$work"; }
study="postgresql://triage@${work//\//%2F}%2Fserver/postgres"
ask() { "$bin/psql" -X -A -t -q -h "$work/server" -U triage -d postgres -c "$1" 2> /dev/null; }
until [ "$(ask 'SELECT 1')" = 1 ]; do
  kill -0 $server 2> /dev/null || fail "$(cat server.txt)"
  sleep 0.05
done

"$triage" data generate --out tiny.tds --train 1400 --test 200 > /dev/null
sed "s|DATA|$work/tiny.tds|; s/^epochs = .*/epochs = 2/; s/^threads = .*/threads = 1/" "$source/tests/tiny_supernet.toml" > tiny.toml
"$triage" train tiny.toml --run net > /dev/null 2> log.txt || fail "$(cat log.txt)"
made_up_costs costs.json --seconds 0.3
cat > search.toml << 'T'
name = "spread"
seed = 3
[search]
supernet = "net"
initial_subnets = 24
max_subnets = 30
batch = 10
population = 40
max_trials = 200
patience = 100
profile_seconds = 0.3
T
for machine in one a b c; do  # a supernet for each, without answers
  mkdir -p $machine && cp costs.json $machine/layer_costs.json
  mkdir net_$machine && cp net/config.toml net/supernet.pt net_$machine
  sed "s/\"net\"/\"net_$machine\"/" search.toml > $machine.toml
done

# One process, everything in files.
"$triage" search one.toml --run one --json > one.json 2> log.txt || fail "$(cat log.txt)"

# b dies at a subnet; c, which came when b was at work, scores on; a makes the search.
(
  until [ "$(ask "SELECT count(*) > 0 FROM triage_work_subnets WHERE worker <> ''")" = t ]; do sleep 0.01; done
  exec "$triage" search c.toml --study "$study" --score-only > c.txt 2> c_err.txt
) & scorer=$!
kill_at_work '[ "$(ask "SELECT count(*) > 1 AND count(*) > sum(done) FROM triage_work_subnets WHERE worker LIKE '"'%:\$pid:%'"'")" = t ]' \
  "$triage" search b.toml --study "$study" --score-only
"$triage" search a.toml --run a --study "$study" --json > a.json 2> a_err.txt || fail "$(cat a_err.txt)"
wait $scorer || fail "$(cat c_err.txt)"
grep -qE '^the search has ended; [0-9]+ subnets were scored here' c.txt || fail "unexpected output: $(cat c.txt)"
[ "$(jq -c .points a.json)" = "$(jq -c .points one.json)" ] || fail "three processes found another front than one"
[ "$(ask 'SELECT count(*) FROM triage_work_subnets WHERE done = 0')" = 0 ] || fail "subnets were left"
[ "$(ask 'SELECT count(DISTINCT worker) FROM triage_work_subnets')" = 3 ] || fail "expected subnets of three processes: $(ask 'SELECT worker, count(*) FROM triage_work_subnets GROUP BY 1')"
for split in validation route; do  # each subnet once, and bit for bit what one process keeps
  ask "SELECT a.arch, a.sha256 FROM triage_answers a JOIN triage_answer_stores s ON s.id = a.store WHERE s.name = 'spread $split' ORDER BY a.arch COLLATE \"C\"" > spread.txt
  sqlite3 net_one/subnets_$split.sqlite 'SELECT arch, sha256 FROM subnets ORDER BY arch' > alone.txt
  [ -s alone.txt ] && cmp -s spread.txt alone.txt || fail "$split: $(diff spread.txt alone.txt)"
done

# Another supernet's answers are refused by name, and so are those of another program.
"$triage" train tiny.toml --set seed=8 --run other > /dev/null 2> log.txt || fail "$(cat log.txt)"
sed 's/"net"/"other"/' search.toml > other.toml
refused 1 'scoring of subnets "spread" belongs to something else: ' "$triage" search other.toml --study "$study" --score-only
ask "UPDATE triage_works SET identity = replace(identity, '\"program\":\"', '\"program\":\"0.')" > /dev/null
refused 1 'scoring of subnets "spread" belongs to something else: program: expected' "$triage" search b.toml --study "$study" --score-only
refused 2 '--score-only: expected --study beside it' "$triage" search b.toml --score-only

# Subnets without a search: two processes into one store.
eval_subnets() { "$triage" subnets eval "$1" --random 20 --store "$study" --json > "$1.json" 2> "$1.txt"; }
eval_subnets net_a & first=$!
eval_subnets net_b || fail "$(cat net_b.txt)"
wait $first || fail "$(cat net_a.txt)"
[ "$(jq -c .subnets net_a.json)" = "$(jq -c .subnets net_b.json)" ] || fail "two processes read different answers"
[ "$(jq -s 'map(.asked) | add' net_a.json net_b.json)" = 20 ] || fail "expected each of 20 subnets to be asked once: $(jq -c .asked net_a.json net_b.json)"
"$triage" subnets eval net_a --random 20 --store alone.sqlite --json > alone.json 2> log.txt || fail "$(cat log.txt)"
[ "$(jq -c .subnets net_a.json)" = "$(jq -c .subnets alone.json)" ] || fail "one process reads different answers"
echo "workers_test: ok"
