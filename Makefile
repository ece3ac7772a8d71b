# What a newcomer needs is the first two targets; the demo needs nothing but Rust.
.DEFAULT_GOAL := help
CARGO ?= cargo
PREFIX ?= $(HOME)/.local

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

.PHONY: demo
demo: ## Purge a sample file against a sandbox, on this machine only
	@echo "Building userpurge; the first time: 72 s on two quiet cores, up to three minutes on busy ones."
	@$(CARGO) build --locked && $(CARGO) run --locked --quiet -- demo

# What tests need beside Rust: tmux, the terminal in which the program is watched.
TOOLS = tmux

.PHONY: tools
tools: ## Install what tests need beside Rust, where it is missing
	@for tool in $(TOOLS); do \
		command -v $$tool >/dev/null && continue; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get install -y -qq $$tool >/dev/null || { apt-get update -qq && apt-get install -y -qq $$tool >/dev/null; }; \
		else \
			echo "the tests need $$tool: install it with your system's packages"; exit 1; \
		fi; \
	done

# The browser that a test looks at the report's page with: what CHROMIUM names, or one on the path.
.PHONY: browser
browser: ## Install Chromium, which a test opens the report's page in, if there is none (Debian, as root)
	@for name in "$$CHROMIUM" chromium chromium-browser google-chrome; do \
		command -v "$$name" >/dev/null 2>&1 && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			apt-get install -y -qq --no-install-recommends chromium fonts-liberation >/dev/null; \
	else echo "the tests need Chromium: install it, or name it with CHROMIUM=/path/to/chromium"; exit 1; fi

# Tests wait most of their time, for pauses and quotas that are real: eight at once keep two cores busy.
.PHONY: test
test: tools browser ## Run every test
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8} $(CARGO) test --locked

.PHONY: simulate
simulate: ## Play whole runs in simulation, each from a seed (SIM_SEEDS, SIM_FROM, SIM_MINUTES)
	SIM_SEEDS=$${SIM_SEEDS:-500} SIM_FROM=$${SIM_FROM:-1} SIM_MINUTES=$${SIM_MINUTES:-0} \
		$(CARGO) test --locked --test sim

.PHONY: mutants
mutants: ## Bring old faults back, one at a time, and show that the simulation finds each (MUTANT_SEEDS)
	CARGO="$(CARGO)" tests/sim/mutants/run.sh

.PHONY: crash
crash: ## Kill the program 1,000 times and judge what is left (CRASH_KILLS, CRASH_ROWS, CRASH_SEED)
	CRASH_KILLS=$${CRASH_KILLS:-1000} $(CARGO) test --locked --test crash

.PHONY: soak
soak: ## Purge a million rows, killed three times, and watch memory and files (SOAK_ROWS, SOAK_KILLS)
	SOAK_ROWS=$${SOAK_ROWS:-1000000} SOAK_KILLS=$${SOAK_KILLS:-3} $(CARGO) test --release --locked --test soak

.PHONY: size
size: ## Build the release, and print its size (12 MB at most) and how long it takes to start
	$(CARGO) build --release --locked
	@bytes=$$(wc -c < target/release/userpurge); echo "$$bytes bytes"; test $$bytes -lt 12000000
	@bash -c 'TIMEFORMAT="100 starts in %R s"; time for n in {1..100}; do target/release/userpurge --version; done >/dev/null'

.PHONY: bench
bench: ## Measure parts, wire, makespan and reading beside what people would use (BENCH_ROWS, BENCH_RUNS, GROWTH_ROWS, READING_ROWS, READING_ROUNDS)
	$(CARGO) bench --locked --bench parts
	tests/benches/wire.sh
	tests/benches/growth.sh
	tests/benches/makespan.sh
	bash -c '. tests/benches/programs.sh && USERPURGE=$$USERPURGE $(CARGO) bench --locked --bench reading'

.PHONY: lint
lint: ## Check format, clippy (pedantic) and the documentation
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items --quiet
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(DENY); else \
		echo "cargo-deny is not installed: a test checks licences and versions; \`make deny\` checks all"; fi

# Licences, versions and sources of all packages; `make deny` fetches what is known of their faults as well.
DENY = $(CARGO) deny --log-level error --config .dist/deny.toml check --hide-inclusion-graph licenses bans sources

.PHONY: deny
deny: ## Check what the program is built from: licences, sources, known faults (installs cargo-deny)
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked
	$(DENY) advisories

# How long each target is fuzzed, in seconds, and which ones.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= $(notdir $(basename $(wildcard tests/fuzz/fuzz_targets/*.rs)))
FUZZ = $(CARGO) +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz

.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZ_SECONDS (600) each; needs the nightly tool chain
	@$(CARGO) +nightly --version >/dev/null 2>&1 || { \
		echo "fuzzing needs the nightly tool chain: rustup toolchain install nightly"; exit 1; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install cargo-fuzz --locked
	@set -e; for target in $(FUZZ_TARGETS); do \
		echo "== $$target, $(FUZZ_SECONDS) s"; \
		mkdir -p "target/fuzz/corpus/$$target"; \
		$(FUZZ) $$target "target/fuzz/corpus/$$target" "fixtures/fuzz/$$target" -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=8192 \
			-print_final_stats=1 -verbosity=0; \
	done

.PHONY: picture
picture: tools ## Draw the README's picture of a run anew, from a real one
	DRAW=1 $(CARGO) test --locked --test it -- picture::

.PHONY: dist
dist: ## Build the release archive in target/dist: program, manual, licences, checksums (TWICE=1 compares two)
	CARGO="$(CARGO)" .dist/dist.sh

.PHONY: install
install: ## Install the program, its completions and its manual under PREFIX (~/.local)
	RUSTFLAGS="--remap-path-prefix=$(CURDIR)=userpurge --remap-path-prefix=$${CARGO_HOME:-$$HOME/.cargo}=cargo" \
		$(CARGO) install --locked --path . --root "$(PREFIX)"
	mkdir -p "$(PREFIX)/share/bash-completion/completions" "$(PREFIX)/share/zsh/site-functions" \
		"$(PREFIX)/share/fish/vendor_completions.d" "$(PREFIX)/share/man/man1"
	"$(PREFIX)/bin/userpurge" completions bash > "$(PREFIX)/share/bash-completion/completions/userpurge"
	"$(PREFIX)/bin/userpurge" completions zsh > "$(PREFIX)/share/zsh/site-functions/_userpurge"
	"$(PREFIX)/bin/userpurge" completions fish > "$(PREFIX)/share/fish/vendor_completions.d/userpurge.fish"
	"$(PREFIX)/bin/userpurge" man --out "$(PREFIX)/share/man/man1"

.PHONY: ci
ci: lint test ## What a change must pass
