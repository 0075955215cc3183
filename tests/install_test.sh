#!/usr/bin/env bash
# The runtime library in a project of somebody else, installed and as a subdirectory: it builds, its program answers as the
# example does, and none of our flags, headers and tests come along.
# usage: install_test.sh BUILD_DIR SOURCE_DIR CLASSIFY
set -euo pipefail
build=$1 source=$2 classify=$3
work=$build/install_test  # always the same place, so that ccache knows what it compiled
rm -rf "$work" && mkdir "$work"
trap 'rm -rf "$work"' EXIT
fail() { echo "install_test: $*" >&2; exit 1; }
quietly() { "$@" > "$work/out.txt" 2>&1 || fail "$*: $(tail -n 20 "$work/out.txt")"; }

quietly cmake --install "$build" --component library --prefix "$work/prefix"
[ "$(cd "$work/prefix/include" && find . -type f | sort | xargs)" = "$(cd "$source/include" && find . -type f | sort | xargs)" ] ||
  fail "unexpected headers: $(find "$work/prefix/include" -type f)"

quietly cmake --install "$build" --component programs --prefix "$work/programs"
quietly "$work/programs/bin/triage" doctor --help

# A user's project: the example, and a file that our own flags and include paths would break.
mkdir "$work/app"
cp "$source/examples/classify.cc" "$work/app"
cat > "$work/app/strict.cc" << 'T'
#if __has_include("core/file.h")
#error "an include path of src/ came along"
#endif
int strict(int unused) { int i = 1; { int i = 2; return i; } return i; }
T
project() {  # HOW...: lines that bring triage::runtime
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(app LANGUAGES CXX)' "$@" 'add_executable(app classify.cc strict.cc)' \
    'target_link_libraries(app PRIVATE triage::runtime)' 'set_source_files_properties(strict.cc PROPERTIES COMPILE_OPTIONS -Werror)' \
    > "$work/app/CMakeLists.txt"
}
launcher=()
! command -v ccache > /dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

side=$(jq .input.height "$source/zoo/cifar10-pair/plan.json")
{ printf 'P6\n%d %d\n255\n' "$side" "$side"; head -c $((3 * side * side)) "$source/zoo/cifar10-pair/little.onnx"; } > "$work/image.ppm"
answer() { local line; line=$("$1" "$source/zoo/cifar10-pair" "$work/image.ppm") || fail "$1 failed"; echo "${line%,*}"; }
expected=$(answer "$classify")
try() {  # NAME CMAKE_OPTION...
  local name=$1
  shift
  quietly cmake -G Ninja -S "$work/app" -B "$work/$name" -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Debug -DCMAKE_UNITY_BUILD=ON "$@"
  quietly cmake --build "$work/$name"
  found=$(answer "$work/$name/app")
  [ "$found" = "$expected" ] || fail "$name: found '$found', expected '$expected'"
  [ -z "$(cd "$work/$name" && ctest -N 2> /dev/null | grep 'Test *#')" ] || fail "$name: our tests came along"
}
project 'find_package(triage 0.1 REQUIRED)'
try installed -DCMAKE_PREFIX_PATH="$work/prefix"
project "add_subdirectory(\"$source\" triage)"
CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1 try subdirectory "${launcher[@]}"
[ ! -e "$work/subdirectory/triage/examples" ] && [ ! -e "$work/subdirectory/triage/src/data" ] || fail "more than the library was built"
quietly cmake --install "$work/subdirectory" --prefix "$work/nothing"
[ ! -e "$work/nothing/include" ] || fail "a subdirectory installs itself"
echo "install_test: ok"
