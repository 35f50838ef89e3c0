# One command each, on a machine with Python 3.11+ and make:
#   make demo    an agent that sleeps, is killed, and resumes (no key needed)
#   make test    all tests
#   make check   format, lint, types, layers, tests
#   make soak    the long tests: hundreds of kills, all pairs of crash points (an hour)
#   make bench   side-by-side benchmarks

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto

.PHONY: docs demo test check soak format lint types layers install install-dev bench clean

demo: $(VENV)/.installed
	$(BIN)/agentcron demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

check: lint types layers test

# The first lines of the output show the seed; AGENTCRON_SEED=... repeats its draws.
soak: $(VENV)/.installed-dev
	AGENTCRON_SOAK=1 $(BIN)/python -m pytest -m soak -n $(WORKERS) --dist worksteal -rP

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports --no-cache

# Debian's python3 may come without ensurepip (package python3-venv): then the outer pip fills the venv,
# and if there is no pip either, the error names the missing package.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $(PYTHON) is older than 3.11; name a newer one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 \
	  || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) \
	       && $(PYTHON) -m pip --version >/dev/null 2>&1; } \
	  || { rm -rf $(VENV); echo "error: $(PYTHON) has neither ensurepip nor pip;" \
	       "install the package python3-venv (Debian, Ubuntu), then run make again"; exit 1; }

# The venv's own pip, or the outer one working on it.
PIP = $$( [ -x $(BIN)/pip ] && echo "$(BIN)/python -m pip" || echo "$(PYTHON) -m pip --python $(BIN)/python" )
PIP_OPTIONS = --quiet --disable-pip-version-check -c constraints.txt

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV) ..."
	@$(PIP) install $(PIP_OPTIONS) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV), with the tools for tests ..."
	@$(PIP) install $(PIP_OPTIONS) -e '.[dev]'
	@touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

docs: $(VENV)/.installed-dev
	$(BIN)/python -m tests.house.generate
	$(BIN)/python -m tests.kit.transcript

# Peers are pinned separately, since only benchmarks need them.  One that cannot be installed is left out.
$(VENV)/.installed-peers: bench/requirements.txt $(VENV)/.installed-dev
	@echo "installing peers into $(VENV) ..."
	@$(PIP) install $(PIP_OPTIONS) -r bench/requirements.txt \
	  || for each in $$(grep -v '^#' bench/requirements.txt); do \
	       $(PIP) install $(PIP_OPTIONS) --no-deps $$each || echo "missing: $$each"; done
	@touch $@

# All of them, and the page; or `make bench ONLY="runs wakeups"`.
bench: $(VENV)/.installed-peers
	$(BIN)/python -m bench $(ONLY)
