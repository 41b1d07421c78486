# make build      build/mlp
# make test       build everything and run every test
# make bench      measure against peers (bench/README.md); installs them from PyPI
# make quickstart install, build, train, compile, serve and ask one prediction
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: build test bench quickstart dependencies configure clean

dependencies:
	@scripts/install-dependencies

configure: dependencies
	@cmake -S . -B $(BUILD) -G Ninja -Wno-dev > $(BUILD).configure.log 2>&1 || { cat $(BUILD).configure.log; exit 1; }
	@rm -f $(BUILD).configure.log

build: configure
	@cmake --build $(BUILD) -j $(JOBS) --target mlp mlp_pages

test: configure
	@scripts/install-dependencies --tests
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

bench: build
	@MLP_BUILD=$(BUILD) bench/peers/install
	@cmake --build $(BUILD) -j $(JOBS) --target bench_workers
	@MLP_BUILD=$(abspath $(BUILD)) bench/run --all

quickstart: build
	@scripts/quickstart $(BUILD)

clean:
	@rm -rf $(BUILD)
