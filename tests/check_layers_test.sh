#!/usr/bin/env bash
# The layer check on a small tree: quiet on a good one, one line and exit code 1 for each way to point upwards.
set -euo pipefail
check=$(cd "$(dirname "$0")/.." && pwd)/scripts/check_layers
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/{include/triage,apps/{triage/program,triage-kernels,triage-measure},src/{core,plan,data,runtime,compiler,codegen,route,exporting,measure,costing,evaluate}}
put() { printf '%s\n' "${@:2}" > "$tree/$1"; }
put include/triage/api.h '#include <vector>' '#include "triage/result.h"'
put src/core/a.h '#include <string>'
put src/plan/p.h '#include "core/a.h"'
put src/route/heavy.h '#include <torch/torch.h>' '#include "plan/p.h"'
put src/route/light.h '#include "plan/p.h"'
put src/evaluate/e.cc '#include "route/light.h"' '#include "triage/api.h"'
put src/data/d.cc '#include "core/a.h"'
put src/costing/layer_costs.h '#include "exporting/x.h"'
put src/measure/p.h '#include "runtime/r.h"'
put apps/triage-measure/main.cc '#include "measure/p.h"' '#include "triage/api.h"'
put src/codegen/k.h '#include "plan/p.h"'
put apps/triage-kernels/main.cc '#include "codegen/k.h"'
put apps/triage/program/main.cc '#include "route/heavy.h"' '#include "apps/triage/program/command.h"'
"$check" "$tree"

refuses() {  # FILE INCLUDE MESSAGE: the check fails and says MESSAGE about FILE when it includes that
  local before=""
  [ -e "$tree/$1" ] && before=$(cat "$tree/$1")
  put "$1" '// first line' "#include $2"
  if found=$("$check" "$tree"); then
    echo "expected $1 with $2 to be refused"
    exit 1
  fi
  if [[ $found != *"$1:2: $2: $3"* ]]; then
    echo "expected '$1:2: $2: $3', found '$found'"
    exit 1
  fi
  if [ -n "$before" ]; then put "$1" "$before"; else rm "$tree/$1"; fi
}
refuses include/triage/api.h '"core/a.h"' 'a public header may include nothing of src'
refuses src/core/x.cc '"plan/p.h"' 'core may not include plan'
refuses src/data/x.cc '"plan/p.h"' 'data may not include plan'
refuses src/runtime/x.cc '"data/d.h"' 'runtime may not include data'
refuses src/evaluate/x.cc '<torch/torch.h>' 'only supernet, train, exporting, route and workflow may include LibTorch'
refuses src/evaluate/x.cc '"route/heavy.h"' 'evaluate would include LibTorch through it'
refuses src/evaluate/x.cc '"e.h"' 'expected "module/file.h"'
refuses src/evaluate/x.cc '"apps/triage/program/command.h"' 'evaluate may not include apps/triage'
refuses src/measure/x.cc '"exporting/x.h"' 'measure may not include exporting'
refuses src/measure/x.cc '"costing/layer_costs.h"' 'measure may not include costing'
refuses apps/triage-measure/x.cc '"data/d.h"' 'apps/triage-measure may not include data'
refuses apps/triage-measure/x.cc '"costing/layer_costs.h"' 'apps/triage-measure may not include costing'
refuses src/compiler/x.cc '"codegen/k.h"' 'compiler may not include codegen'
refuses apps/triage/x.cc '"codegen/k.h"' 'apps/triage may not include codegen'
refuses apps/triage-kernels/x.cc '"data/d.h"' 'apps/triage-kernels may not include data'
says() {  # FILE LINE MESSAGE: the check fails and says MESSAGE about FILE when it has that line
  put "$1"
  echo "$2" >> "$tree/$1"
  found=$("$check" "$tree") && { echo "expected $1 with $2 to be refused"; exit 1; }
  [[ $found == *"$1:"*"$3"* ]] || { echo "expected '$1: $3', found '$found'"; exit 1; }
  rm "$tree/$1"
}
says src/evaluate/x.cc '  std::fprintf(stderr, "x");' 'a library prints nothing'
says src/evaluate/x.cc '  std::cout << 1;' 'a library prints nothing'
says src/evaluate/x.cc '#include <CLI/CLI.hpp>' 'options are parsed in apps/'
says src/evaluate/x.cc '#include "core/system/stop.h"' 'belong to programs'
put src/evaluate/x_test.cc
echo 'int x = printf("a test may");  // and std::snprintf(a) is no printing' >> "$tree/src/evaluate/x_test.cc"
put src/evaluate/x.cc
echo 'std::snprintf(text, 2, "x");  // printf("no")' >> "$tree/src/evaluate/x.cc"
"$check" "$tree"
echo "layer check: good tree passes, 19 bad ones are refused"
