# make run: install and show it working.  make test: everything the tests need, and all of them.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help run install install-dev test quick check docs format lock clean

help:  ## show this
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: install  ## install Clary, start it, train and deploy two models, print what came out
	@$(BIN)/clary demo

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	@sh tools/make_venv.sh $(VENV) $(PYTHON)

$(VENV)/.installed: pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "Installing Clary into $(VENV) (a minute on a fresh machine) ..."
	@$(PIP) install --progress-bar on -c requirements.lock -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml requirements.lock | $(VENV)/bin/python
	@echo "Installing Clary and what its tests need into $(VENV) ..."
	@$(PIP) install -q --progress-bar on -c requirements.lock -e ".[dev]"
	@touch $@ $(VENV)/.installed

.PHONY: kernels
kernels: install-dev
	@echo "Compiling the algorithms' kernels, unless they are compiled already ..."
	@$(BIN)/python -c "from clary.sandbox.compiled import main; main('clary.jobs.preload')"

test: kernels  ## run all tests, the slow ones included
	@$(BIN)/python -m pytest -n 2 --dist loadgroup $(TESTS)

quick: kernels  ## run the tests that need no network and little time
	@$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow" $(TESTS)

check: install-dev  ## format, lint, types, generated docs up to date
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python tools/generate_docs.py --check

docs: install-dev  ## write the generated reference pages
	@$(BIN)/python tools/generate_docs.py

format: install-dev  ## format the code and mend what the linter can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:  ## pin what a fresh environment takes today
	@rm -rf $(VENV)-lock && sh tools/make_venv.sh $(VENV)-lock $(PYTHON)
	@$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@$(VENV)-lock/bin/python -m pip freeze --exclude-editable > requirements.lock
	@rm -rf $(VENV)-lock

clean:  ## remove the environment and all caches
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
