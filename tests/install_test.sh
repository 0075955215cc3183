#!/usr/bin/env bash
# The runtime library and the decoders in a project of somebody else, installed (and moved) and as a subdirectory: it builds,
# its programs answer as ours do, and none of our flags, headers and tests come along. The program works where it was moved to.
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

quietly cmake --install "$build" --component decoders --prefix "$work/prefix"

quietly cmake --install "$build" --component programs --prefix "$work/programs"
mv "$work/programs" "$work/moved"
ln -s moved/bin/triage "$work/triage"  # found through a link, too
triage() { (cd / && "$work/triage" "$@"); }
triage doctor --json | jq -e --arg place "$work/moved/" '.[] | select(.what == "triage-kernels") | .found | startswith($place)' > /dev/null ||
  fail "moved: $(triage doctor)"

# A user's project: the example, and a file that our own flags and include paths would break.
mkdir "$work/app"
cp "$source/examples/classify.cc" "$work/app"
cat > "$work/app/strict.cc" << 'T'
#if __has_include("core/file.h")
#error "an include path of src/ came along"
#endif
int strict(int unused) { int i = 1; { int i = 2; return i; } return i; }
T
cat > "$work/app/photo.cc" << 'T'
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "triage/classifier.h"
#include "triage/decoder.h"

int main(int argc, char** argv) {
  const auto classifier = triage::Classifier::load(argv[1], {.decoder = &triage::image_decoder()});
  for (int i = 2; classifier && i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
    const auto outcome = classifier->classify(triage::EncodedImage{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    std::printf("%s\n", outcome ? classifier->info().classes[outcome->label].c_str() : outcome.error().message.c_str());
  }
}
T
project() {  # HOW...: lines that bring triage::runtime and triage::decoders
  printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(app LANGUAGES CXX)' "$@" 'add_executable(app classify.cc strict.cc)' \
    'target_link_libraries(app PRIVATE triage::runtime)' 'add_executable(photo photo.cc)' \
    'target_link_libraries(photo PRIVATE triage::runtime triage::decoders)' 'set_source_files_properties(strict.cc PROPERTIES COMPILE_OPTIONS -Werror)' \
    > "$work/app/CMakeLists.txt"
}
launcher=()
! command -v ccache > /dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

libraries=$(cd "$work/prefix" && dirname "$(find . -name cmake)")
side=$(jq .input.height "$source/zoo/cifar10-pair/plan.json")
{ printf 'P6\n%d %d\n255\n' "$side" "$side"; head -c $((3 * side * side)) "$source/zoo/cifar10-pair/little.onnx"; } > "$work/image.ppm"
answer() { local line; line=$("$1" "$source/zoo/cifar10-pair" "$work/image.ppm") || fail "$1 failed"; echo "${line%,*}"; }
expected=$(answer "$classify")
photos=("$source"/tests/fixtures/images/{turned6.jpg,rgb.png,lossy.webp,rgb_lzw.tif,palette.gif})
expected_photos=$(triage predict "$source/zoo/cifar10-pair" "${photos[@]}" --json | jq -r '.images[].label')
try() {  # NAME CMAKE_OPTION...
  local name=$1
  shift
  quietly cmake -G Ninja -S "$work/app" -B "$work/$name" -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Debug -DCMAKE_UNITY_BUILD=ON "$@"
  quietly cmake --build "$work/$name"
  found=$(answer "$work/$name/app")
  [ "$found" = "$expected" ] || fail "$name: found '$found', expected '$expected'"
  found=$("$work/$name/photo" "$source/zoo/cifar10-pair" "${photos[@]}")
  [ "$found" = "$expected_photos" ] || fail "$name: decoded: found '$found', expected '$expected_photos'"
  [ -z "$(cd "$work/$name" && ctest -N 2> /dev/null | grep 'Test *#')" ] || fail "$name: our tests came along"
}
mv "$work/prefix" "$work/moved_prefix"
project 'find_package(triage 0.1 REQUIRED COMPONENTS decoders)'
try installed -DCMAKE_PREFIX_PATH="$work/moved_prefix"
! grep -rl "$source" "$work/moved_prefix/$libraries/cmake" || fail "the CMake package names a folder of the build"
mkdir "$work/without" && cp -r "$work/moved_prefix/." "$work/without" && rm "$work/without/$libraries"/cmake/triage/triage-decoders*
! cmake -S "$work/app" -B "$work/refused" -DCMAKE_PREFIX_PATH="$work/without" > "$work/out.txt" 2>&1 && grep -q 'component decoders' "$work/out.txt" ||
  fail "without decoders: expected to be told what is missing, found $(tail -n 20 "$work/out.txt")"

project 'set(TRIAGE_DECODERS ON)' "add_subdirectory(\"$source\" triage)"
CCACHE_BASEDIR=$source CCACHE_NOHASHDIR=1 try subdirectory "${launcher[@]}"
[ ! -e "$work/subdirectory/triage/examples" ] || fail "more than the library was built"
quietly cmake --install "$work/subdirectory" --prefix "$work/nothing"
[ ! -e "$work/nothing/include" ] || fail "a subdirectory installs itself"
echo "install_test: ok"
