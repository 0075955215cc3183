#!/usr/bin/env bash
# scripts/bundle collects what the preset cuda asks for, and that asks for no module which it does not build. Configured
# with this machine's LibTorch; compiled it is on machines with a GPU. usage: cuda_preset_test.sh SOURCE_DIR
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1/scripts/bundle" "$work/bundle" > /dev/null
cd "$work/bundle"
cmake --preset cuda -DTRIAGE_HEADERS="$PWD/headers" > "$work/out.txt" 2>&1 || { cat "$work/out.txt" >&2; exit 1; }
# A library without a target of its own is what the linker would look for.
if grep -o -- '-ltriage_[a-z_]*' build/cuda/build.ninja | sort -u; then
  echo "cuda_preset_test: expected these libraries to be built by cmake/training_only.cmake" >&2
  exit 1
fi
grep -q 'gpu_train_bench:' build/cuda/build.ninja || { echo "cuda_preset_test: expected the program gpu_train_bench" >&2; exit 1; }
for header in nlohmann/json.hpp toml++/toml.hpp CLI/CLI.hpp openssl/evp.h openssl/configuration.h; do
  [ -f "headers/$header" ] || { echo "cuda_preset_test: expected $header in the bundle" >&2; exit 1; }
done
