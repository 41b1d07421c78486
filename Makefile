# make build      build/mlp
# make test       build everything and run every test
# make quickstart install, build, train, compile, serve and ask one prediction
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: build test quickstart dependencies configure clean

dependencies:
	@scripts/install-dependencies

configure: dependencies
	@cmake -S . -B $(BUILD) -G Ninja -Wno-dev > $(BUILD).configure.log 2>&1 || { cat $(BUILD).configure.log; exit 1; }
	@rm -f $(BUILD).configure.log

build: configure
	@cmake --build $(BUILD) -j $(JOBS) --target mlp

test: configure
	@scripts/install-dependencies --tests
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

quickstart: build
	@scripts/quickstart $(BUILD)

clean:
	@rm -rf $(BUILD)
