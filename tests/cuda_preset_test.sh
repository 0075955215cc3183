#!/usr/bin/env bash
# scripts/bundle collects what the preset cuda asks for: it is configured there with this machine's LibTorch, asks for no
# module that it does not build, and includes no header of a package that the bundle lacks. Built it is by `make
# training-only`, and on machines with a GPU. usage: cuda_preset_test.sh SOURCE_DIR
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "cuda_preset_test: $*" >&2; exit 1; }
"$1/scripts/bundle" "$work/bundle" > /dev/null
[ "$(du -sm "$work/bundle" | cut -f1)" -le 64 ] || fail "expected a bundle of at most 64 MiB, found $(du -sh "$work/bundle")"
cd "$work/bundle"
cmake --preset cuda -DTRIAGE_HEADERS="$PWD/headers" > "$work/out.txt" 2>&1 || { cat "$work/out.txt" >&2; exit 1; }
# A library without a target of its own is what the linker would look for.
if grep -o -- '-ltriage_[a-z_]*' build/cuda/build.ninja | sort -u; then
  fail "expected these libraries to be built by cmake/training_only.cmake"
fi
for program in gpu_train_bench triage; do grep -qE "^build ([a-z/]*/)?$program: CXX_EXECUTABLE" build/cuda/build.ninja || fail "expected the program $program"; done
# The files that are compiled, and what they include of packages: LibTorch, zlib and the bundle's headers alone.
includes=$(grep -ho '#include "[^"]*\.cc"' -r build/cuda --include='unity_*.cxx' | cut -d'"' -f2 | grep -v revision.cc | xargs grep -hoP '^#include <\K[^>]*/[^>]*(?=>)' |
  grep -vE '^(torch|ATen|c10|caffe2|sys|arpa|netinet|triage)/' | sort -u)
for header in $includes openssl/configuration.h; do
  [ -f "headers/$header" ] || fail "expected $header in the bundle"
done
