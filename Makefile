# Everything runs in .venv, which is made when it is absent. `make help` lists the verbs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help setup quickstart check test docs bench oracles embedded-models

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"equipoise needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Try: make PYTHON=python3.12 ...")'
	@echo "==> making $(VENV)"
	$(PYTHON) -m venv $(VENV)

# A stamp per set of extras, so that an install happens once and again when pyproject.toml changes.
$(VENV)/.local: pyproject.toml | $(BIN)/python
	@echo "==> installing equipoise with the embedded models' dependencies"
	$(BIN)/pip install --progress-bar on -e '.[local]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "==> installing equipoise with everything that development needs"
	$(BIN)/pip install --progress-bar on -e '.[local,math,fast,tensorboard,dev,docs]'
	@touch $@ $(VENV)/.local

setup: $(VENV)/.dev ## install for development into .venv
	@echo "Ready. Next: make test, or make quickstart"

quickstart: $(VENV)/.local ## install, then play the embedded team on held-out questions with every method
	$(BIN)/equipoise quickstart

check: $(VENV)/.dev ## style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

test: $(VENV)/.dev ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations 10
	@echo "Next: make check, or make quickstart"

docs: $(VENV)/.dev ## build the documentation into build/site
	$(BIN)/mkdocs build --strict

bench: $(VENV)/.dev ## print every speed claim of the documentation
	@for script in benchmarks/*.py; do echo "==> $$script"; $(BIN)/python $$script; done

# sgamesolver compiles at install and needs NumPy and Cython to be there already, hence no build isolation.
oracles: $(VENV)/.dev ## install pygambit and sgamesolver, which tests and benchmarks compare the game core with
	$(BIN)/pip install --progress-bar on 'numpy>=2.0,<3' cython setuptools wheel hatchling editables
	$(BIN)/pip install --progress-bar on --no-build-isolation -e '.[oracles]'
	@echo "Next: $(BIN)/python -m pytest tests/games/test_oracles.py, or make bench"

embedded-models: $(VENV)/.dev ## train the embedded models again, from scratch (hours)
	$(BIN)/python -m training.embedded.train --all
	$(BIN)/python -m training.embedded.evaluate
