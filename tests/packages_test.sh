#!/usr/bin/env bash
# The Debian packages on a clean root: installed by dpkg with what they depend on and nothing else, they work; the library's
# headers, CMake package and triage.pc build programs there that answer as the example does; then they are removed again.
# usage: packages_test.sh BUILD_DIR SOURCE_DIR CLASSIFY
set -euo pipefail
build=$1 source=$2 classify=$3
if [ -z "${TRIAGE_IN_NAMESPACE:-}" ]; then  # mounts of its own, and a root that may chroot
  unshare -rm true 2> /dev/null || { echo "packages_test: skipped: namespaces of users are not to be had here"; exit 77; }
  TRIAGE_IN_NAMESPACE=1 exec unshare -rm bash "$0" "$@"
fi
work=$(mktemp -d)
root=$work/root
clean_up() {  # nothing of what is mounted is touched
  for place in proc dev; do umount -l "$root/$place" 2> /dev/null || true; done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
fail() { echo "packages_test: $*" >&2; exit 1; }
quietly() { "$@" > "$work/out.txt" 2>&1 || fail "$*: $(tail -n 20 "$work/out.txt")"; }
inside() { env -i PATH=/usr/bin:/usr/sbin HOME=/tmp chroot "$root" "$@"; }
quietly_inside() { inside "$@" > "$work/out.txt" 2>&1 || fail "$*: $(tail -n 20 "$work/out.txt")"; }

# Compressed for speed; `make packages` takes xz.
(cd "$work" && quietly cpack --config "$build/CPackConfig.cmake" -B "$work/packages" -D CPACK_DEBIAN_COMPRESSION_TYPE=gzip)
rm -rf "$work/packages/_CPack_Packages"
mapfile -t debs < <(find "$work/packages" -name '*.deb' | sort)
made=" $(for deb in "${debs[@]}"; do dpkg-deb --field "$deb" Package; done | xargs) "
for package in libtriage1 libtriage-dev triage; do [[ $made == *" $package "* ]] || fail "no $package in:$made"; done
for deb in "${debs[@]}"; do
  depends=$(dpkg-deb --field "$deb" Depends)
  case $(dpkg-deb --field "$deb" Package) in
    libtriage1 | triage-server) ! grep -qE 'libtorch|libhalide' <<< "$depends" || fail "$deb: depends on $depends" ;;
    triage) grep -q libtorch <<< "$depends" && grep -q libhalide <<< "$depends" || fail "$deb: depends on $depends" ;;
  esac
  dpkg-deb --contents "$deb" > "$work/contents.txt"
  grep -q '/usr/share/doc/.*/copyright$' "$work/contents.txt" || fail "$deb: no copyright"
  ! awk '$2 != "root/root" || $1 !~ /^l/ && $1 ~ /^.(.......w|....w)/' "$work/contents.txt" | grep . || fail "$deb: expected files of root that others cannot write"
done

# The root: a shell, what dpkg runs, and what the packages that run things depend on.
mapfile -t programs < <(printf '%s\n' "${debs[@]}" | grep -v libtriage-dev)
quietly python3 "$source/tests/clean_root.py" "$root" "${programs[@]}" bash dash coreutils dpkg libc-bin grep sed
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
install_packages() { quietly dpkg --root="$root" --log=/dev/null --install "$@"; }
install_packages "${programs[@]}"

quietly_inside triage --version
grep -q "^triage $(sed -n 's/^project(triage VERSION \([0-9.]*\).*/\1/p' "$source/CMakeLists.txt") " "$work/out.txt" || fail "version: $(cat "$work/out.txt")"
quietly_inside triage doctor --json
inside triage doctor --json | jq -e '.[] | select(.what == "triage-kernels") | .advice == null' > /dev/null || fail "doctor finds no triage-kernels"

cp -r "$source/zoo/cifar10-pair" "$root/tmp/plan"
side=$(jq .input.height "$root/tmp/plan/plan.json")
{ printf 'P6\n%d %d\n255\n' "$side" "$side"; head -c $((3 * side * side)) "$source/zoo/cifar10-pair/little.onnx"; } > "$root/tmp/image.ppm"
expected=$("$classify" "$root/tmp/plan" "$root/tmp/image.ppm") expected=${expected%,*}
inside triage predict /tmp/plan /tmp/image.ppm --json > "$work/predicted.json"
found=$(jq -r '.images[0].label' "$work/predicted.json")
[ "$found" = "${expected%% *}" ] || fail "triage predict: expected '$expected', found $(cat "$work/predicted.json")"

if [[ $made == *" triage-server "* ]]; then
  env -i PATH=/usr/bin:/usr/sbin chroot "$root" triage-serve /tmp/plan --port 0 > "$work/served.txt" 2>&1 & server=$!
  until grep -q '^serving ' "$work/served.txt"; do
    kill -0 $server 2> /dev/null || fail "triage-serve ended: $(cat "$work/served.txt")"
    sleep 0.05
  done
  address=$(sed -n 's/^serving .* at \(http.*\)/\1/p' "$work/served.txt")
  quietly curl --silent --fail "${address}v2/health/ready"
  kill -TERM $server
  wait $server || fail "triage-serve did not stop as it should: $(cat "$work/served.txt")"
  unit=$root/usr/lib/systemd/system/triage-server.service
  [ -x "$root$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")" ] && [ -f "$root$(sed -n 's/^EnvironmentFile=-//p' "$unit")" ] &&
    [ -d "$root$(sed -n 's/^ConditionDirectoryNotEmpty=//p' "$unit")" ] || fail "the unit names what is not there: $(cat "$unit")"
  [ "$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${Conffiles}' triage-server | awk '{ print $1 }' | xargs)" = /etc/default/triage-server ] ||
    fail "the options of the server are no file of configuration"
fi

if [[ $made == *" python3-triage "* ]]; then
  found=$(inside python3 -c 'import triage; print(triage.Classifier("/tmp/plan").classify("/tmp/image.ppm").class_name)') || fail "Python failed"
  [ "$found" = "${expected%% *}" ] || fail "Python: expected '$expected', found '$found'"
fi

# Manual pages and completions.
pages=("$root"/usr/share/man/man1/triage*)
[ ${#pages[@]} -ge 20 ] || fail "expected a page of each command, found ${pages[*]}"
for page in "${pages[@]}"; do
  said=$(MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 > "$work/page.txt") || fail "$page: man failed: $said"
  [ -z "$said" ] || fail "$page: $said"
done
MANWIDTH=80 man -E UTF-8 -l "$root"/usr/share/man/man1/triage-eval.1* | grep '^ *triage eval zoo/' > /dev/null || fail "triage-eval(1) has no example"
share=$root/usr/share
completes() {  # SHELL LINE EXPECTED
  local found
  case $1 in
    bash) found=$(bash -c ". '$share/bash-completion/completions/triage'; COMP_WORDS=(triage $2) COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1)); _triage; echo \${COMPREPLY[*]}") ;;
    zsh) found=$(timeout 20 zsh -f "$source/tests/complete.zsh" "$share/zsh/vendor-completions" "$2") ;;
    fish) found=$(HOME=$work fish --no-config -c "source '$share/fish/vendor_completions.d/triage.fish'; complete -C 'triage $2'" | cut -f 1) ;;
  esac
  grep -qx -- "\(.* \)\?$3" <<< "$found" || fail "$1: triage $2: expected $3, found '$found'"
}
for shell in bash zsh fish; do
  command -v $shell > /dev/null || { echo "packages_test: no $shell here" >&2; continue; }
  completes $shell 'predict --engine comp' compiled
  completes $shell 'subnets pa' pack
  completes $shell 'data generate --clas' --classes
done

# Programs of others, made and run there.
dev=$(printf '%s\n' "${debs[@]}" | grep libtriage-dev)
quietly python3 "$source/tests/clean_root.py" "$root" "$dev" g++ cmake ninja-build pkg-config libgif-dev libjpeg-dev libpng-dev libtiff-dev libwebp-dev
install_packages "$dev"
mkdir "$root/tmp/app"
cp "$source"/examples/classify.{c,cc} "$root/tmp/app"
answers() {  # PROGRAM, in the root
  local found
  found=$(inside "$1" /tmp/plan /tmp/image.ppm) || fail "$1 failed"
  [ "${found%,*}" = "$expected" ] || fail "$1: expected '$expected', found '$found'"
}
printf '%s\n' 'cmake_minimum_required(VERSION 3.25)' 'project(app LANGUAGES C CXX)' 'find_package(triage 0.1 REQUIRED COMPONENTS decoders)' \
  'add_executable(app classify.cc)' 'target_link_libraries(app PRIVATE triage::runtime triage::decoders)' \
  'add_executable(c_cmake classify.c)' 'target_link_libraries(c_cmake PRIVATE triage::triage)' > "$root/tmp/app/CMakeLists.txt"
quietly_inside cmake -G Ninja -S /tmp/app -B /tmp/app/build
quietly_inside cmake --build /tmp/app/build
answers /tmp/app/build/app

# In C, by pkg-config: with the shared library, and with what a static link takes.
mkdir "$root/tmp/app/archives"
find "$root/usr/lib" -name libtriage.a -exec cp {} "$root/tmp/app/archives" \;
compile() { quietly_inside sh -c "gcc -std=c99 -pedantic -Wall -Werror -o /tmp/app/$1 /tmp/app/classify.c $2"; }
compile c_shared '$(pkg-config --cflags --libs triage)'
compile c_static '$(pkg-config --cflags triage) -L/tmp/app/archives $(pkg-config --static --libs triage)'
needed() { readelf -d "$root/tmp/app/$1" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | xargs; }
[ "$(needed c_shared)" = 'libtriage.so.1 libc.so.6' ] || fail "c_shared needs $(needed c_shared)"
[[ " $(needed c_static) " != *' libtriage.so.1 '* ]] || fail "c_static needs $(needed c_static)"
for program in c_shared c_static build/c_cmake; do
  inside /tmp/app/$program /tmp/plan /tmp/image.ppm > "$work/out.txt" || fail "$program failed"
  grep -qF "${expected%% *}" "$work/out.txt" || fail "$program: expected '$expected', found $(cat "$work/out.txt")"
done

# They go as they came.
mapfile -t names < <(xargs -n 1 <<< "$made")
quietly dpkg --root="$root" --log=/dev/null --purge "${names[@]}"
left=$(find "$root/usr" "$root/etc" "$root/var/lib" -iname '*triage*' ! -path '*/dpkg/*')
[ -z "$left" ] || fail "left behind: $left"
echo "packages_test: ok:$made"
