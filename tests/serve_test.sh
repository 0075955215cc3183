#!/usr/bin/env bash
# `triage serve` as its clients see it: curl, a client of the protocol in Python's standard library (serve_client.py), and the
# page in a headless Chromium (serve_page.py) where there is one. Answers are those of `triage predict`.
# usage: serve_test.sh TRIAGE SOURCE_DIR
. "$(dirname "$0")/lib.sh"
plan=$source/zoo/cifar10-pair images=$source/tests/fixtures/images

ask() { curl -sS -m 20 -o out.json -w '%{http_code}' "$@" || fail "curl $*"; }  # prints the status
answers() {  # STATUS JQ_CONDITION curl arguments...
  local status=$1 condition=$2 found
  shift 2
  found=$(ask "$@")
  [ "$found" = "$status" ] || fail "$*: status $found, expected $status: $(head -c 500 out.json)"
  [ -z "$condition" ] || jq -e "$condition" out.json > /dev/null || fail "$*: expected $condition: $(head -c 500 out.json)"
}

refused 2 'plans is required' "$triage" serve
refused 1 "$work/none: no such directory" "$triage" serve "$work/none" --port 0
refused 1 'expected a token of at least 16 bytes' "$triage" serve "$plan" --token-file <(echo short)

refused 2 '--least-accuracy requires --slo' "$triage" serve "$plan" --least-accuracy 90%
refused 2 '--audit-apply requires --audit' "$triage" serve "$plan" --audit-apply
refused 1 'expected a percentile and a time' "$triage" serve "$plan" --slo 5ms --port 0
cp -r "$plan" bare && rm -f bare/curve.json  # whoever tried the README has one
refused 1 "'triage curve" "$triage" serve bare --slo p99=5ms --audit 1% --port 0

# What curl says; a photograph has the answer that predict gives.
serve "$plan" --access-log access.jsonl
model=$url/v2/models/cifar10-pair
answers 200 '.name == "triage" and (.extensions | index("binary_tensor_data"))' "$url/v2"
answers 200 '' "$url/v2/health/live"
answers 200 '' "$url/v2/health/ready"
answers 200 '.inputs[0] == {name: "image", datatype: "UINT8", shape: [-1, 32, 32, 3]} and .versions == ["1"]' "$model"
answers 200 '' "$model/versions/1/ready"
answers 200 '.[0].state == "READY"' -X POST "$url/v2/repository/index"
answers 404 '.error | test("no such model")' "$url/v2/models/nothing"
answers 404 '.error | test("no such resource")' "$url/../../etc/passwd" --path-as-is
answers 405 '.error | test("expected POST")' "$model/infer"
answers 403 '.error | test("origin")' -H 'Origin: http://elsewhere.example' --data '{}' "$url/v2/repository/models/cifar10-pair/unload"
answers 421 '.error | test("host")' -H 'Host: elsewhere.example' "$url/v2"
answers 421 '.error | test("host")' -H 'Host: 127.elsewhere.example' "$url/v2"
answers 400 '.error | test("malformed at byte")' --data 'no json' "$model/infer"
answers 400 '.error | test("an image")' --data-binary 'no image' -H 'Content-Type: image/png' "$model/infer"
answers 413 '.error | test("at most 16777216 bytes")' --data-binary @- -H 'Expect:' "$model/infer" < <(head -c 17000000 /dev/zero)
for image in colour.jpg rgb.png turned6.jpg; do
  "$triage" predict "$plan" "$images/$image" --json > predicted.json
  answers 200 '' --data-binary "@$images/$image" -H 'Content-Type: image/any' "$model/infer"
  served_as_predicted out.json predicted.json
done
answers 200 '.thresholds == [1]' --data '{"thresholds": [1]}' "$model/thresholds"
answers 200 '.outputs[3].data == [0]' --data-binary "@$images/rgb.png" -H 'Content-Type: image/png' "$model/infer"
answers 400 '.error | test("threshold")' --data '{"thresholds": [1, 2]}' "$model/thresholds"
answers 200 '' -X POST "$url/v2/repository/models/cifar10-pair/unload"
answers 503 '.error | test("not loaded")' "$model"
answers 200 '' -X POST "$url/v2/repository/models/cifar10-pair/load"
answers 200 '.model_stats[0].inference_stats.success.count >= 4' "$model/stats"
[ "$(ask "$url/metrics")" = 200 ] && grep -q '^nv_inference_request_success{model="cifar10-pair",version="1"} ' out.json || fail "no metrics"
jq -e -s 'map(select(.path == "/v2/models/cifar10-pair/infer" and .status == 200)) | .[0] | .exits == [1] and .model == "cifar10-pair" and .us > 0' \
  access.jsonl > /dev/null || fail "access log: $(head -n 3 access.jsonl)"

# The protocol by hand; every plan anew again and again under load, then the end: no request is lost.
python3 "$source/tests/serve_client.py" "$url" cifar10-pair $server || fail "the client in Python"
code=0
wait $server || code=$?
server=''
[ $code = 0 ] || fail "stopped under load: exit code $code: $(cat served_err.txt)"

# More than it may hold: 429, and what was taken is answered. TLS and a token.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
  -addext subjectAltName=IP:127.0.0.1 2> /dev/null
echo 0123456789abcdef > token
serve "$plan" --max-waiting 4 --workers 1
python3 "$source/tests/serve_client.py" "$url" cifar10-pair --overload || fail "overload"
stop_server
serve "$source/zoo" --token-file token --tls-cert cert.pem --tls-key key.pem
answers 200 '' --cacert cert.pem "$url/v2/health/live"
answers 401 '.error | test("token")' --cacert cert.pem "$url/v2"
answers 401 '.error | test("token")' --cacert cert.pem -H 'Authorization: Bearer 0123456789abcdeX' "$url/v2"
plans=$(cd "$source/zoo" && printf '%s\n' */plan.json | jq -R 'rtrimstr("/plan.json")' | jq -cs .)
answers 200 "map(.name) == $plans" \
  --cacert cert.pem -H 'Authorization: Bearer 0123456789abcdef' -X POST "$url/v2/repository/index"
stop_server

browser=$(command -v chromium || command -v chromium-browser || true)
if [ -n "$browser" ]; then
  serve "$plan"
  python3 "$source/tests/serve_page.py" "$browser" "$url" "$images/colour.jpg" "$work" || fail "the page"
  stop_server
fi
echo "serve: all as expected"
