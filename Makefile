# Tieline. `make` alone prints what can be asked for. Only python3 (3.11 or newer) and make are assumed.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
COMPILE := ../$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-annotate $(ARGS)

# The first interpreter that is new enough. Another one: make PYTHON=/opt/python3.12/bin/python3 setup
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11 python3.14; do \
	if $$one $(NEW_ENOUGH) 2>/dev/null; then echo $$one; break; fi; done)

.PHONY: help setup run test quick check lint types lab lab-down test-real tools chaos postgres postgres-down lock clean

help: ## Say what can be asked for
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.dev-ready ## Install everything for working on Tieline (a second call is instant)

run: $(VENV)/.runtime-ready ## Start Tieline with the demo landscape and show an alert becoming a ticket
	@$(PY) -m lab.demo

# Most tests run side by side; those that start or kill whole landscapes run alone. 5: ARGS chose none of them.
PYTEST := $(PY) -m pytest -p tests.house_plugin
AT_ONCE ?= 3
ALONE := tests/kill tests/demo tests/deploy tests/flows
SIDE_BY_SIDE := -n $(AT_ONCE) --dist worksteal

test: quick ## Run all tests that need no foreign system (ARGS="-k inbox" narrows, AT_ONCE=1 one after the other)
	$(PYTEST) -m "slow and not real" $(ALONE:%=--ignore=%) $(SIDE_BY_SIDE) $(ARGS) || [ $$? -eq 5 ]
	$(PYTEST) -m "slow and not real" $(ALONE) $(ARGS) || [ $$? -eq 5 ]

quick: $(VENV)/.dev-ready ## Run the tests that neither kill processes nor wait
	$(PYTEST) -m "not real and not slow" $(SIDE_BY_SIDE) $(ARGS) || [ $$? -eq 5 ]

check: lint types test ## Everything that must hold before a commit: lint, types, tests

lint: $(VENV)/.dev-ready ## Lint and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/.dev-ready ## Static types, strict
	$(PY) -m mypy .

lab: $(VENV)/.dev-ready ## Start the real systems: Zabbix, Roundup, Tryton
	$(PY) -m lab.real up

lab-down: $(VENV)/.dev-ready ## Stop the real systems
	$(PY) -m lab.real down

test-real: $(VENV)/.dev-ready ## Run the tests that talk to the real systems of `make lab`
	$(PY) -m pytest -p tests.house_plugin -m real $(ARGS)

tools: $(VENV)/.dev-ready ## Install the programs that some tests need (Debian, as root): promtool, faketime, brokers
	@$(PY) -m lab.tools

chaos: $(VENV)/.dev-ready ## Kill everything at random under 10,000 events, in each mode (about 15 minutes; KILLS=200)
	for mode in embedded redis rabbitmq; do \
		$(PY) -m lab.chaos --mode $$mode --events 10000 --kills $(or $(KILLS),200) $(ARGS) || exit 1; done

postgres: $(VENV)/.dev-ready ## Start a throw-away PostgreSQL for the tests, if none answers
	@$(PY) -m lab.postgres up

postgres-down: $(VENV)/.dev-ready ## Stop that PostgreSQL and remove its data
	@$(PY) -m lab.postgres down

lock: $(VENV)/.dev-ready ## Resolve requirements/*.in into locks with hashes (ARGS=--upgrade takes newer versions)
	$(PIP) install --quiet uv
	cd requirements && $(COMPILE) dev.in -o dev.lock
	cd requirements && $(COMPILE) runtime.in build.in -c dev.lock -o runtime.lock

clean: ## Remove the environment and the caches; data in .tieline/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info

$(PY):
	@if ! $(or $(PYTHON),false) $(NEW_ENOUGH); then \
		echo "Tieline needs Python 3.11 or newer; here is: $$($(or $(PYTHON),python3) --version 2>&1)." >&2; \
		echo "Install a newer one, or name it: make PYTHON=/path/to/python3.12 setup" >&2; exit 1; fi
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.runtime-ready: $(PY) requirements/runtime.lock pyproject.toml
	@echo "Installing what Tieline needs into $(VENV) (once)."
	@$(PIP) install --quiet --require-hashes -r requirements/runtime.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-ready: $(PY) requirements/dev.lock pyproject.toml
	@echo "Installing what Tieline and its tests need into $(VENV) (once)."
	@$(PIP) install --quiet --require-hashes -r requirements/dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $(VENV)/.runtime-ready $@
