# The commands a newcomer needs; `.ci/run` calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME ?= $(CURDIR)/dagster_home

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-hosted dev test test-slow test-kills check format bench lock clean

help: ## Show these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(BIN)/.ready ## Install everything into .venv

$(BIN)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11, 3.12 or 3.13 is needed, this is {sys.version.split()[0]}. Name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Make the film of the sample listing
	$(BIN)/property-video demo

demo-hosted: setup ## The same with clips and music of hosted models, emulated on this machine: no key, no network
	$(BIN)/python tests/demo_hosted.py

dev: demo ## Start the UI on the sample: http://127.0.0.1:3000
	$(BIN)/property-video dev

test: setup ## Run the fast tests
	$(BIN)/pytest -n 2 --dist loadfile

test-slow: setup ## Run the slow tests: kills, big photos, the benchmark's sanity
	$(BIN)/pytest -m slow --timeout 1200

test-kills: setup ## Kill sixty times what buys, forty times the servers: every film delivered, nothing bought twice
	HOSTED_KILLS=60 SERVER_KILLS=40 $(BIN)/pytest -m slow -s --timeout 5400 \
	  tests/hosted/test_hosted_kills.py tests/smoke/test_server_kills.py

check: setup ## Lint, types, format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup ## Format the code
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

bench: setup ## Measure speed and memory on this machine
	$(BIN)/property-video bench

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --custom-compile-command 'make lock' --extra production

lock: setup ## Resolve dependencies again; the image's are the same without the tools
	$(COMPILE) --upgrade --group dev pyproject.toml -o requirements.txt
	$(COMPILE) --constraint requirements.txt pyproject.toml -o dagster_home/production/requirements.txt

clean: ## Remove the environment and caches; films and run history stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache build dist
