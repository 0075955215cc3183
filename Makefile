# make demo   packages, build, a whole run on real images (Fashion-MNIST), report
# make test   packages, build, every test
# make arm64  what runs on a 64-bit ARM device, cross-compiled: build/arm64/triage-measure
# make bench  the figures of record that are ratios and times
# TRIAGE_SKIP_SETUP=1 leaves the machine's packages alone.
JOBS ?= $(shell nproc)
TRIAGE := build/release/triage

.PHONY: demo test bench build configure program setup zoo tidy clean sanitize runtime-only arm64

build: configure
	@cmake --build --preset release --parallel $(JOBS)

program: configure
	@cmake --build --preset release --parallel $(JOBS) --target triage

configure: setup
	@cmake --preset release -DCMAKE_MESSAGE_LOG_LEVEL=WARNING

setup:
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup

demo: program
	@mkdir -p data
	@[ -f data/fashion-mnist.tds ] || $(TRIAGE) data import fashion-mnist --out data/fashion-mnist.tds
	$(TRIAGE) run configs/fashion-demo.toml --run runs/fashion-demo
	@echo "The report: runs/fashion-demo/report.html"

test: build sanitize runtime-only
	@scripts/check_layers
	@scripts/check_style --tidy
	@ctest --preset release

sanitize: setup
	@cmake --preset asan -DCMAKE_MESSAGE_LOG_LEVEL=WARNING
	@cmake --build --preset asan --parallel $(JOBS)
	@ctest --preset asan

runtime-only: setup
	@cmake --preset runtime-only -DCMAKE_MESSAGE_LOG_LEVEL=WARNING
	@cmake --build --preset runtime-only --parallel $(JOBS)
	@ctest --preset runtime-only

arm64:
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup arm64
	@cmake --preset arm64 -DCMAKE_MESSAGE_LOG_LEVEL=WARNING
	@cmake --build --preset arm64 --parallel $(JOBS)

tidy: configure
	@scripts/check_style --tidy

bench: build
	@[ -n "$(TRIAGE_SKIP_SETUP)" ] || scripts/setup bench
	@scripts/bench

zoo: program
	@scripts/zoo

clean:
	rm -rf build
