# The commands that a person and CI use. Everything happens in .venv and build/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test test-clients test-browser test-fleets test-engines test-prometheus test-chart chaos chaos-short fuzz check lint types contracts simulate mutate bench-first-run bench-overhead bench-guard bench-money bench-caching bench-routing bench-fleet bench-alerts bench-limits bench-limits-short bench-soak lock audit sbom docs clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: $(VENV)/.installed ## install what is missing and start the gateway on 127.0.0.1:4000
	@$(BIN)/fareway serve

FLEETS := tests/replicas tests/workers tests/training/test_training_gateway.py tests/telemetry/test_telemetry_otel.py tests/docs/test_docs_commands.py tests/money/test_regressions_of_limits.py $(addprefix tests/journey/test_journey_, $(addsuffix .py, \
	refusals idempotency idempotency_lives trace crash calibration windows cuts rush live_prices \
	replay hedged cascade feedback prefixes cache_kept cache_semantic alerts exports commands fleet machine_hours deferred deferred_lives top))

COVERING := $(addprefix tests/, core dialects translate limits policies alerts) # All of these lines, alone: to measure the others takes minutes.

test: $(VENV)/.dev ## set up what the tests need, and run them
	@scripts/setup-tests.sh
	@PYTHON=$(PYTHON) scripts/setup-clients.sh python
	@PYTHON=$(PYTHON) scripts/setup-focus.sh
	@scripts/run-tests.sh -n 3 --dist loadfile --cov --cov-report= $(COVERING)
	$(BIN)/coverage report --skip-covered --fail-under=100 --include='gateway/core/*,gateway/dialects/*,gateway/translate/*,gateway/limits/*,policies/*'
	@scripts/run-tests.sh -n 3 --dist loadfile $(addprefix --ignore=,$(COVERING) $(FLEETS) tests/browser tests/engines tests/prometheus tests/chaos)

test-clients: $(VENV)/.dev ## install the real clients, agents included, and run all of them; build/bench/clients.json and docs/clients.md
	@PYTHON=$(PYTHON) scripts/setup-clients.sh
	CLIENTS=all timeout 900 scripts/run-tests.sh tests/clients

test-browser: $(VENV)/.dev ## look at the dashboard with Chromium; build/bench/dashboard.json, and SCREENSHOTS=docs/images for new ones
	@scripts/setup-browser.sh
	timeout 300 scripts/run-tests.sh tests/browser

chaos: $(VENV)/.dev ## every row of docs/reliability.md, shown anew; build/bench/reliability.json. ROWS='-k slow' for some, SEED=17 again
	@scripts/setup-tests.sh
	@scripts/setup-chaos.sh
	@scripts/setup-browser.sh
	@scripts/setup-supply.sh
	@rm -rf build/chaos
	@CHAOS=full scripts/run-tests.sh tests/chaos $(ROWS); status=$$?; $(BIN)/python scripts/reliability.py && exit $$status

ALONE := $(addprefix tests/chaos/test_chaos_, $(addsuffix .py, overload hang_ups reload soak cost_dos))

chaos-short: $(VENV)/.dev ## the same with less of each, in ten minutes; what it shows is not recorded
	@scripts/setup-tests.sh
	@scripts/setup-chaos.sh
	@scripts/setup-browser.sh
	@scripts/run-tests.sh -n 3 --dist loadfile --durations=10 tests/chaos $(addprefix --ignore=,$(ALONE))
	@scripts/run-tests.sh --durations=10 $(ALONE)

test-fleets: $(VENV)/.dev ## what starts many gateways or waits for clients' patience, which takes minutes
	@scripts/setup-tests.sh
	@scripts/run-tests.sh -n 4 --dist loadfile $(FLEETS)

test-engines: $(VENV)/.dev ## the gateway in front of llama.cpp, which is installed for it, and of simulated engines
	@PYTHON=$(PYTHON) scripts/setup-engine.sh
	@ENGINE_REQUIRED=1 scripts/run-tests.sh tests/engines

test-prometheus: $(VENV)/.dev ## rules, alerts and dashboards against a real Prometheus that has seen a simulated day
	@scripts/setup-prometheus.sh
	@timeout 300 scripts/run-tests.sh tests/prometheus

test-chart: $(VENV)/.dev ## render the chart with helm, which is built for it where Go is, and check it with Kubernetes' schemas
	@scripts/setup-helm.sh
	@scripts/run-tests.sh tests/deploy/test_deploy_chart.py

MINUTES ?= 1
fuzz: $(VENV)/.dev ## look for inputs that fail: MINUTES=30 of CPU for each target, or one with TARGET=sse; into build/bench/fuzz.json
	@PYTHON=$(PYTHON) scripts/setup-fuzz.sh
	@PYTHONPATH=.:tests $(BIN)/python -m fuzz.fuzzing $(TARGET) --minutes $(MINUTES) --jobs $(or $(JOBS),2)

check: lint types contracts test test-fleets test-engines test-prometheus ## everything that must hold before a change lands

lint: $(VENV)/.dev ## ruff, every rule on
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

contracts: $(VENV)/.dev ## which part may import which
	$(BIN)/lint-imports

SEEDS ?= 1000
simulate: $(VENV)/.dev ## limits under simulated faults: SEEDS=5000 seeds, or SEED=17 again; FIRST=, SECONDS=, RECORD=--record
	@PYTHONPATH=.:tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS) --first $(or $(FIRST),0) --seconds $(or $(SECONDS),1e9) $(RECORD))

mutate: $(VENV)/.dev ## change the code of limits and money, and see whether a test notices; 25 minutes at most, into build/bench/limits.json
	@rm -rf mutants
	timeout 1500 $(BIN)/mutmut run --max-children 2 >build/mutmut.log || tail -n 3 build/mutmut.log
	$(BIN)/python scripts/mutation_figure.py

bench-first-run: ## seconds and megabytes from nothing to the first answer, into build/bench/first-run.json
	$(PYTHON) benchmarks/first_run.py

bench-overhead: $(VENV)/.dev ## CPU, latency and memory beside peers, into build/bench/overhead.json and docs/overhead.svg
	@scripts/setup-benchmarks.sh
	$(BIN)/python benchmarks/overhead/run.py $(BENCH)

bench-guard: $(VENV)/.dev ## fail if a small call costs twice what it did, against nginx in the same run
	@scripts/setup-benchmarks.sh
	$(BIN)/python benchmarks/overhead/run.py --guard

bench-money: $(VENV)/.dev ## recorded answers against what they cost, and the speed of a price, into build/bench/money.json
	$(BIN)/python benchmarks/money/run.py

bench-caching: $(VENV)/.dev ## what prompt caches and response caches save on recorded data, into build/bench/caching.json
	$(BIN)/python benchmarks/caching/run.py $(BENCH)

bench-routing: $(VENV)/.dev ## what routing by the prompt is worth on public answers, and how long a decision takes, into build/bench/routing.json
	$(BIN)/python benchmarks/routing/run.py $(BENCH)

bench-fleet: $(VENV)/.dev ## what own GPUs and an API cost together on a public trace, and whether the books of machines add up, into build/bench/fleet.json
	$(BIN)/python benchmarks/fleet/run.py $(BENCH)

bench-alerts: $(VENV)/.dev ## false alarms of odd spending, and what is found, on a public trace, into build/bench/alerts.json
	$(BIN)/python benchmarks/alerts/run.py

bench-limits: $(VENV)/.dev ## can a budget be overspent? beside a peer, with faults, in about 12 minutes, into build/bench/limits.json
	@scripts/setup-tests.sh
	$(BIN)/python benchmarks/money/suite/run.py $(BENCH)

bench-limits-short: $(VENV)/.dev ## fail if a budget is overspent or a charge is lost or doubled: four scenarios of it, a minute
	@scripts/setup-tests.sh
	$(BIN)/python benchmarks/money/suite/run.py --short

bench-soak: $(VENV)/.dev ## ten minutes of fifty tenants, and the same money in every book, into build/bench/soak.json; BENCH=--short: one; BENCH=--faults: half an hour in which something always breaks; BENCH="--hours 2": so long, at little load
	$(BIN)/python benchmarks/soak/run.py $(BENCH)

lock: ## lock the packages of the image with their digests; LOCK=--upgrade for the newest ones
	@PYTHON=$(PYTHON) scripts/setup-supply.sh
	@scripts/lock.sh $(LOCK)

audit: ## ask for known faults of every locked package
	@PYTHON=$(PYTHON) scripts/setup-supply.sh
	@build/supply/bin/python scripts/audit.py

sbom: ## install what is locked, and list its parts in CycloneDX: build/sbom.cdx.json
	@PYTHON=$(PYTHON) scripts/setup-supply.sh
	@rm -rf build/locked && $(PYTHON) -m venv --without-pip build/locked
	@build/supply/bin/python -m pip --python build/locked install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@build/supply/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-file build/sbom.cdx.json build/locked

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Fareway needs Python 3.11 or newer"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

docs: $(VENV)/.dev ## the documentation as a site, into build/site
	@$(BIN)/python scripts/reference.py
	$(BIN)/mkdocs build --strict

clean: ## remove everything that was made here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
