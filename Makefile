# The commands of this repository. `make` lists them.
# They create what they need: a virtual environment in .venv, with the package built into it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One environment for each group of frameworks that can be installed together: see pyproject.toml.
ENVS := .envs
UV := .uv/bin/uv
# The package and the development tools.
DEV := $(BIN)/.built $(BIN)/.environment
# Types as an editor sees them: each example in the environment of its framework.
PYRIGHT := $(BIN)/basedpyright --pythonpath
PLAIN_EXAMPLES := $(filter-out $(wildcard examples/jax_* examples/keras_* examples/torch_*),$(wildcard examples/*.py))
# Two processes; tests that measure time (`clock`) run alone.
PYTEST := -m pytest -n 2

.PHONY: help demo test quick lint audit rust rust-examples python torch torch-long jax keras docs wheel wheel-arm wheel-musl wheels bench \
	bench-quick bench-calls bench-kernels bench-orthogonal bench-modules bench-keras bench-jax bench-checkpoint gpu accuracy battery battery-short dieharder fuzz hostile mutants valgrind \
	crossarch crossarch-short reproducible sanitize dependencies torch-zoo jax-peers jax-stream format clean

# Paths of this machine stay out of the release's code.
SYSROOT := $(shell rustc --print sysroot 2>/dev/null)
REMAP := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo --remap-path-prefix=$(CURDIR)=/initializers \
	$(SYSROOT:%=--remap-path-prefix=%=/rust)
$(BIN)/.built wheel wheel-arm wheel-musl reproducible: export RUSTFLAGS := $(RUSTFLAGS) $(REMAP)

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(BIN)/.built ## initialize GPT-2's 124 million weights from one seed
	@$(BIN)/python examples/gpt2.py

test: lint audit rust crossarch-short battery-short python torch jax keras docs wheel ## everything that must pass before a change lands

# Prints how long each part took. Commands are joined by `&&`, because `set -e` does nothing on the left of `||`. A comma
# would end the argument and leave out the commands after it.
define timed
	$(if $(3),$(error timed: commands must have no comma, received one before: $(3)))@start=$$(date +%s); ($(2)) || exit 1; end=$$(date +%s); \
	echo "== $(1): $$(( (end - start) / 60 )) min $$(( (end - start) % 60 )) s"
endef

quick: $(DEV) ## the inner loop, two minutes: fast lints, unit tests of the crate, fast tests of the package
	$(call timed,quick,\
	cargo fmt --check && \
	$(BIN)/ruff format --check . && \
	$(BIN)/ruff check . && \
	$(BIN)/lint-imports --no-cache --no-logo && \
	$(BIN)/mypy && \
	cargo test --locked --features "$(TESTED)" --lib && \
	$(BIN)/python $(PYTEST) -m "not wheel and not clock and not slow")

lint: $(DEV) ## formatting, clippy, ruff, layers, mypy, stubtest
	$(call timed,lint,\
	cargo fmt --check && \
	cargo clippy --locked --all-targets --features "recipe serde" -- -D warnings && \
	cargo clippy --locked --lib --features python -- -D warnings && \
	$(BIN)/python tools/check_layers_rust.py && \
	$(BIN)/python tools/public_api.py && \
	$(BIN)/ruff format --check . && \
	$(BIN)/ruff check . && \
	$(BIN)/lint-imports --no-cache --no-logo && \
	$(BIN)/mypy && \
	$(PYRIGHT) $(BIN)/python $(PLAIN_EXAMPLES) tests/typing/plain.py && \
	$(BIN)/python -m mypy.stubtest initializers._core --mypy-config-file pyproject.toml)

# LAPACK, the oracle of orthogonal matrices, is a feature of the same build; without OpenBLAS its tests are left out.
OPENBLAS = $(shell pkg-config --exists openblas && echo lapack)
TESTED = recipe serde $(OPENBLAS)

rust: ## tests of the crate, without Python; against LAPACK where OpenBLAS is installed
	$(call timed,rust,\
	cargo test --locked --features "$(TESTED)" && \
	if test -z "$(OPENBLAS)"; then \
	echo "left out: LAPACK needs libopenblas-dev liblapack-dev gfortran pkg-config"; test -z "$$CI"; fi)

# One folder of builds for both: they share a third of their crates.
RUST_EXAMPLE = CARGO_TARGET_DIR="$(CURDIR)/target/rust-examples" cargo run --locked --quiet --manifest-path

rust-examples: ## build and run the examples in candle and burn: recipes, digests of Python, training; minutes
	$(RUST_EXAMPLE) examples/candle/Cargo.toml
	$(RUST_EXAMPLE) examples/burn/Cargo.toml

python: $(DEV) ## tests of the package
	$(call timed,python,\
	$(BIN)/python $(PYTEST) -m "not wheel and not clock" && \
	$(BIN)/python -m pytest -m clock)

torch: $(ENVS)/torch/.built ## tests of the PyTorch adapter, in an environment that has torch; a short torch-zoo
	$(call timed,torch,\
	$(PYRIGHT) $(ENVS)/torch/bin/python examples/torch_*.py && \
	$(ENVS)/torch/bin/python $(PYTEST) -m "not long" tests/with_torch && \
	$(ENVS)/torch/bin/python tools/torch_zoo.py --short && \
	$(ENVS)/torch/bin/python tools/capture_zoo.py --short)

torch-long: $(ENVS)/torch/.built ## the tests of the PyTorch adapter that make torch leaves out; minutes
	$(ENVS)/torch/bin/python $(PYTEST) -m long tests/with_torch

torch-zoo: $(ENVS)/torch/.built ## real models under patch and by name, built, from meta and from their captured recipes; tables into docs/; minutes
	$(ENVS)/torch/bin/python tools/torch_zoo.py
	$(ENVS)/torch/bin/python tools/capture_zoo.py

# What JAX's own factories do with JAX's own cases is for `make jax-peers`.
jax: $(ENVS)/jax/.built ## tests of the JAX adapter, in an environment that has JAX
	$(call timed,jax,\
	$(PYRIGHT) $(ENVS)/jax/bin/python examples/jax_*.py examples/keras_*.py tests/typing/frameworks.py && \
	$(ENVS)/jax/bin/python $(PYTEST) -k "not (test_nn_initializer and stock)" tests/with_jax)

jax-stream: $(ENVS)/jax/.built ## values inside compiled JAX programs against the core: every law, dtype and block; many minutes
	JAX_STREAM=long $(ENVS)/jax/bin/python $(PYTEST) -o timeout=1800 tests/with_jax/test_jax_stream.py

jax-peers: $(ENVS)/jax/.built ## JAX's and Flax's own cases for initializers, on theirs and ours; prints a table
	$(ENVS)/jax/bin/python tools/jax_peers.py

# Each backend runs in its own process; JAX has eight devices.
keras: $(ENVS)/jax/.built $(ENVS)/torch/.built ## tests inside Keras on JAX, TensorFlow, NumPy, PyTorch
	$(call timed,keras,\
	export TF_CPP_MIN_LOG_LEVEL=3 XLA_FLAGS=--xla_force_host_platform_device_count=8 && \
	KERAS_BACKEND=jax $(ENVS)/jax/bin/python $(PYTEST) tests/with_keras && \
	KERAS_BACKEND=tensorflow $(ENVS)/jax/bin/python $(PYTEST) tests/with_keras && \
	MALLOC_PERTURB_=128 KERAS_BACKEND=numpy $(ENVS)/jax/bin/python $(PYTEST) tests/with_keras && \
	KERAS_BACKEND=torch $(ENVS)/torch/bin/python $(PYTEST) tests/with_keras)

docs: $(ENVS)/docs/.built ## the documentation, into site/ and target/doc/; runs the notebooks
	$(call timed,docs,\
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --features "recipe serde" && \
	NO_MKDOCS_2_WARNING=1 $(ENVS)/docs/bin/mkdocs build --strict --quiet && \
	$(ENVS)/docs/bin/python tools/check_links.py)

# maturin looks for zig in the first python3 on the PATH.
wheel: $(DEV) ## an abi3 manylinux2014 wheel and an sdist in dist/, each tried in a fresh environment
	$(call timed,wheel,\
	rm -rf dist && \
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --release --locked --zig --compatibility manylinux2014 --out dist && \
	$(BIN)/maturin sdist --out dist && \
	$(BIN)/python tools/reproducible.py --short && \
	$(BIN)/python -m pytest -m wheel)

reproducible: $(BIN)/.environment ## the wheel and the sdist, built twice in two folders: the same bytes; minutes
	$(BIN)/python tools/reproducible.py

# RUSTC is a compiler with a standard library for ARM, and with its source for musl.
CROSSARCH := $(CURDIR)/target/crossarch
CROSSBUILD = PATH="$(CURDIR)/$(BIN):$$PATH" RUSTC="$(CROSSARCH)/rustc" CARGO_TARGET_DIR="$(CROSSARCH)/wheels" \
	$(BIN)/maturin build --release --locked --zig --out "$(CROSSARCH)/dist"

wheel-arm: $(BIN)/.environment ## the wheel for ARM; runs its selftest under emulation; Debian 12 and root
	tools/crossarch_toolchain.sh "$(CROSSARCH)"
	rm -f "$(CROSSARCH)"/dist/*_aarch64.whl
	$(CROSSBUILD) --target aarch64-unknown-linux-gnu --compatibility manylinux2014
	tools/wheel_arm.sh -m initializers selftest

wheel-musl: $(BIN)/.environment ## the wheel for Linux without glibc; Debian 12 and root
	tools/crossarch_toolchain.sh "$(CROSSARCH)"
	rm -f "$(CROSSARCH)"/dist/*musllinux*.whl
	RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=std,panic_unwind \
		$(CROSSBUILD) --target x86_64-unknown-linux-musl --compatibility musllinux_1_2

# wheel-arm and wheel-musl only if `make crossarch` or one of them has left its tools.
wheels: wheel $(if $(wildcard target/crossarch/rustc),wheel-arm wheel-musl) $(BIN)/.wheels ## wheels and sdist on the lowest and highest Python and NumPy; table into docs/
	$(BIN)/python tools/wheels.py

audit: $(BIN)/.audit ## licenses and sources of the crates; the workflows
	$(call timed,audit,\
	PATH="$(CURDIR)/$(BIN):$$PATH" cargo deny --locked --log-level error check licenses bans sources && \
	$(BIN)/python tools/list_dependencies.py --check && \
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml && \
	$(BIN)/zizmor --offline --quiet .github/workflows)

bench: $(DEV) $(BIN)/.bench ## time and memory against NumPy, mkl_random, torch, JAX and Keras, where installed; pictures
	$(BIN)/python benches/compare.py

bench-quick: $(DEV) $(BIN)/.bench ## the main cases of it, in a minute
	$(BIN)/python benches/compare.py --quick

bench-calls: $(DEV) $(ENVS)/torch/.built $(ENVS)/jax/.built ## small calls, the import and the command against named peers; a minute
	$(BIN)/python benches/calls.py

bench-kernels: ## elements per second of every sampler, element type and vector width, by criterion
	cargo bench --locked

bench-orthogonal: $(DEV) ## orthogonal matrices against NumPy, LAPACK, and PyTorch and JAX where installed
	$(BIN)/python benches/orthogonal.py

bench-modules: $(ENVS)/torch/.built ## whole modules against torch.nn.init; takes 6 GB
	$(ENVS)/torch/bin/python benches/modules.py

bench-keras: $(ENVS)/jax/.built $(ENVS)/torch/.built ## time of initializers while Keras builds models
	TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=jax $(ENVS)/jax/bin/python benches/keras_builds.py
	TF_CPP_MIN_LOG_LEVEL=3 KERAS_BACKEND=tensorflow $(ENVS)/jax/bin/python benches/keras_builds.py
	KERAS_BACKEND=torch $(ENVS)/torch/bin/python benches/keras_builds.py

bench-jax: $(ENVS)/jax/.built ## trees of weights under jit: stock, callback, program; table into docs/jax-inside-jit.md
	$(ENVS)/jax/bin/python benches/jax_trees.py

gpu: $(ENVS)/torch/.built ## on a machine with a GPU: values against the CPU; speed against torch; tables into docs/gpu.md
	$(ENVS)/torch/bin/python benches/gpu.py

bench-checkpoint: $(DEV) ## rate and memory of writing Llama-3.2-1B to this disk; takes 3 GB of it
	$(BIN)/python benches/checkpoint.py

accuracy: $(DEV) ## every promise on accuracy, over every input where that is possible; several minutes
	$(BIN)/python tools/fit_coefficients.py --check
	$(BIN)/python tools/check_accuracy.py --exhaustive
	$(BIN)/python tools/check_orthogonal.py

crossarch: $(BIN)/.environment ## digests and golden tests on other processors and systems, WebAssembly and Windows; an hour; Debian 12 and root
	$(BIN)/python tools/crossarch.py

crossarch-short: $(BIN)/.environment ## digests of this processor against the table of make crossarch
	$(call timed,crossarch-short,$(BIN)/python tools/crossarch.py --short --features "$(TESTED)")

battery: $(DEV) ## statistical tests of every sampler at 10^9 values into docs/reliability.md; minutes
	$(BIN)/python tools/battery.py

battery-short: $(DEV) ## a short form of it
	$(call timed,battery-short,$(BIN)/python -W error tools/battery.py --short)

dieharder: $(BIN)/.environment ## Dieharder's and NIST's tests of the words into docs/reliability.md; needs dieharder; half an hour
	$(BIN)/python tools/dieharder.py

# FUZZ_SEED draws other cases.
fuzz: $(DEV) ## random requests, right and wrong: 10^8 of the crate, 10^6 of the package; about an hour
	FUZZ_CASES=5000000 FUZZ_SEED=10 cargo test --locked --profile fuzz --features "recipe serde" --test fuzz -- --nocapture
	$(BIN)/python -W error tests/fuzz_python.py
	FUZZ_CASES=100000000 cargo test --locked --release --features "recipe serde" --test fuzz -- --nocapture

hostile: $(DEV) ## forks, threads, signals, little memory, odd memory, hostile files; then make fuzz
	$(BIN)/python -m pytest tests/python/hostile/test_hostile.py tests/python/hostile/test_concurrency.py tests/python/hostile/test_security.py
	$(MAKE) fuzz

mutants: $(DEV) ## break the code in each way of tests/mutants, and see that a test fails; builds the crate often
	$(BIN)/python tools/mutants.py

valgrind: ## the crate's random requests under valgrind, which must be installed
	binary=$$(cargo test --locked --profile fuzz --features "recipe serde" --test fuzz --no-run --message-format json \
		| sed -n 's/.*"executable":"\([^"]*\/fuzz-[^"]*\)".*/\1/p') && \
	FUZZ_CASES=3000 valgrind --quiet --error-exitcode=1 "$$binary" --nocapture

# The run-time library of the sanitizer comes with rustup's compiler. Some requests are larger than any memory.
sanitize: ## the crate's random requests under the address sanitizer; minutes
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address ASAN_OPTIONS=allocator_may_return_null=1 CARGO_TARGET_DIR=target/sanitize \
		FUZZ_CASES=200000 cargo test --locked --target x86_64-unknown-linux-gnu --test fuzz

dependencies: $(BIN)/.environment ## the crates in the wheels into docs/dependencies.md, their license texts into THIRD_PARTY_LICENSES
	$(BIN)/python tools/list_dependencies.py

format: $(BIN)/.environment ## format Rust and Python
	cargo fmt
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

clean: ## remove what the commands above made
	rm -rf $(VENV) $(ENVS) .uv dist site target python/initializers/_core*.so

# uv creates environments several times faster than pip. Its own environment keeps it out of the others.
$(UV):
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@touch $@

# Builds and runs the package: a first result needs no development tools, which take 1 GB.
$(BIN)/.python: | $(UV)
	@echo "creating a virtual environment in $(VENV)"
	@$(UV) venv --quiet --clear --seed --python .uv/bin/python $(VENV)
	@$(UV) pip install --quiet --python $(BIN)/python --group build -r pyproject.toml
	@touch $@

$(BIN)/.environment: pyproject.toml | $(BIN)/.python
	$(UV) pip install --quiet --python $(BIN)/python --group tools
	touch $@

# A terminal shows cargo's progress.
$(BIN)/.built: $(BIN)/.python Cargo.toml Cargo.lock $(shell find src -name '*.rs')
	@echo "compiling the Rust core, one to two minutes"
	@$(BIN)/maturin develop --release --locked $(shell test -t 2 || echo --quiet)
	@touch $@

# Tools for single commands.
$(BIN)/.audit $(BIN)/.bench $(BIN)/.wheels: $(BIN)/.%: $(BIN)/.environment | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python --group $*
	touch $@

$(ENVS)/%/.environment: pyproject.toml | $(UV)
	$(UV) venv --quiet --clear --seed --python .uv/bin/python $(@D)
	$(UV) pip install --quiet --python $(@D)/bin/python --group $*
	touch $@

# One build serves every environment: a path file points to it.
$(ENVS)/%/.built: $(ENVS)/%/.environment $(BIN)/.built
	echo "$(CURDIR)/python" > "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/initializers.pth"
	touch $@

.PRECIOUS: $(ENVS)/%/.environment $(ENVS)/%/.built
