# All tasks of the project; `make help` lists them. Paths are relative, so the checkout may be in any folder.

PYTHON ?= python3
BIN := .venv/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without this, pip would write a cache to the home directory; nothing is written outside the checkout.
export PIP_NO_CACHE_DIR := 1

.DEFAULT_GOAL := help
.PHONY: help install run demo test check bench catalogs plugin clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

install: .venv/installed-runtime ## create .venv and install what the service needs

ifneq ($(PORT),)
run demo: export BRIDGE_BIND := 127.0.0.1:$(PORT)
endif

run: .venv/installed-runtime ## start the service with its scheduler (PORT=8100 for another port)
	@$(BIN)/flask serve

demo: .venv/installed-runtime ## start the service with two example shops and a temporary database
	@$(BIN)/flask demo

test: .venv/installed-dev ## run every test, or some of them (ARGS="-k ledger")
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/installed-dev ## check format, lint and types, then run every test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: .venv/installed-dev ## run the benchmarks (ARGS="--help" lists the options)
	@$(BIN)/python -m bench $(ARGS)

catalogs: .venv/installed-runtime ## update the translation catalogs from the code (NEW=sv adds a language)
	@$(BIN)/python scripts/update_catalogs.py $(NEW)

plugin: .venv/installed-runtime ## build the WordPress plugin as dist/token-bridge.zip
	@$(BIN)/python scripts/build_plugin.py

clean: ## remove .venv and every cache; instance/ with the database is kept
	rm -rf dist .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each marker file is as new as the last installation, so packages are installed again only if requirements change.
.venv/installed-runtime: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch .venv/installed-runtime $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Token Bridge needs Python 3.11 or newer. Install it, or run 'make PYTHON=/path/to/python3.11 ...'." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot create a virtual environment. Install its venv module (Debian: apt install python3-venv)." >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv
