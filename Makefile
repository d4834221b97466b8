# What a newcomer runs. Each target sets up what it needs, on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-dev
TESTED := $(VENV)/.tested
SOURCES := $(shell git ls-files 'rlm_async/*' 'tests/*' pyproject.toml README.md 'docs/*.md' 2>/dev/null | grep -v ' ')
PYTEST := $(BIN)/python -m pytest -q -n auto --cov --cov-report=

.PHONY: demo test check lint types imports coverage docs fuzz adapters clean help

help:  ## say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "rlm-async needs Python 3.11 or newer: set PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[all]' --group dev
	@touch $(STAMP)

demo: $(STAMP)  ## answer a real question about a million tokens with a small local model
	$(BIN)/python -m rlm_async demo --yes

test: $(STAMP)  ## run the tests
	$(PYTEST)
	@touch $(TESTED)

check: $(STAMP) lint types imports coverage  ## everything that must be green before a commit lands

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports --no-cache

# The tests run again only where something has changed since they last passed.
$(TESTED): $(STAMP) $(SOURCES)
	$(PYTEST)
	@touch $(TESTED)

coverage: $(TESTED)
	$(BIN)/coverage report

FUZZ_SECONDS ?= 60
fuzz: $(STAMP)  ## look for holes in the sandbox's policy and wire with atheris, FUZZ_SECONDS each
	$(BIN)/python -m pip install --quiet --group fuzz
	for target in policy wire; do $(BIN)/python -W ignore -m tests.sandbox.fuzz.run $$target $(FUZZ_SECONDS) || exit 1; done

# The frameworks that docs/how-to/adapters.md shows, in an environment of their own: 0.5 GB, in half a minute with uv.
ADAPTERS := .venv-adapters
$(ADAPTERS)/.installed: tests/adapters/requirements.txt | $(STAMP)
	$(BIN)/python -m pip install --quiet --group adapters
	$(BIN)/python -m venv $(ADAPTERS)
	$(BIN)/uv pip sync --quiet --python $(ADAPTERS)/bin/python tests/adapters/requirements.txt
	@touch $@

adapters: $(ADAPTERS)/.installed  ## run the examples of all frameworks that rlm_async.adapters has a module for
	$(BIN)/python -m pytest -q tests/adapters

clean:  ## remove what was built
	rm -rf $(VENV) $(ADAPTERS) build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
