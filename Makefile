# make demo   packages, build, a whole run on real images (Fashion-MNIST), report
# make test   packages, build, every test: for whoever uses Triage
# make check  what the tests do not see, for whoever changes it: layers, style, clang-tidy, sanitizers, the runtime alone
# make alone  every file compiled by itself, not in CI: 40 minutes of two cores where nothing is cached
# make training-only  the program of the preset cuda, with the CPU as its device, not in CI
# make arm64  what runs on a 64-bit ARM device, cross-compiled: build/arm64/triage-measure
# make packages  Debian packages into build/packages (docs/install.md)
# make bench  the figures of record that are ratios and times
# TRIAGE_SKIP_SETUP=1 leaves the machine's packages alone.
JOBS ?= $(shell nproc)
TRIAGE := build/release/triage
CONFIGURE := cmake -DCMAKE_MESSAGE_LOG_LEVEL=WARNING --preset

.PHONY: demo test check packages bench build configure program setup zoo tidy clean sanitize runtime-only training-only alone arm64

build: configure
	@cmake --build --preset release --parallel $(JOBS)

program:
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup program
	@$(CONFIGURE) release
	@cmake --build --preset release --parallel $(JOBS) --target triage

configure: setup
	@$(CONFIGURE) release

setup:
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup

demo: program
	@mkdir -p data
	@[ -f data/fashion-mnist.tds ] || $(TRIAGE) data import fashion-mnist --out data/fashion-mnist.tds
	$(TRIAGE) run configs/fashion-demo.toml --run runs/fashion-demo
	@echo "The report: runs/fashion-demo/report.html"

test: build
	@scripts/test release

check: sanitize runtime-only tidy
	@scripts/check_layers

sanitize: setup
	@$(CONFIGURE) asan
	@cmake --build --preset asan --parallel $(JOBS)
	@scripts/test asan

runtime-only: setup
	@$(CONFIGURE) runtime-only
	@cmake --build --preset runtime-only --parallel $(JOBS)
	@scripts/test runtime-only

# What is built on machines with a GPU, with this one's LibTorch and the CPU as the device.
training-only: setup
	@$(CONFIGURE) cuda
	@cmake --build --preset cuda --parallel $(JOBS)
	@log=$$(mktemp -d) && scripts/gpu_check $$log --device cpu --quick --build build/cuda && rm -r $$log

# Every file compiled by itself, with no neighbour's includes, not linked. Editors find its commands at the tree's root.
alone: setup
	@$(CONFIGURE) check
	@ln -sfn build/check/compile_commands.json compile_commands.json
	@ninja -C build/check -k 0 -j $(JOBS) $$(ninja -C build/check -t targets all | sed -n 's/\.o: .*/.o/p')

arm64:
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup arm64
	@$(CONFIGURE) arm64
	@cmake --build --preset arm64 --parallel $(JOBS)

tidy: configure
	@cmake --build --preset release --target triage_revision --target triage_page
	@scripts/check_style --tidy

packages: configure
	@cmake --build --preset release --parallel $(JOBS) --target installed
	@rm -rf build/packages
	@cpack --config build/release/CPackConfig.cmake -B build/packages
	@rm -rf build/packages/_CPack_Packages

bench: build
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup bench
	@cmake --build --preset release --parallel $(JOBS) --target benches
	@scripts/bench

zoo: program
	@scripts/zoo

clean:
	rm -rf build
