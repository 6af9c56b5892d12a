# `make help` lists what there is. Everything here is safe to repeat; what is already done is not done again.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test chaos roundtrips load lint bench adapters screenshots clean install install-dev browser

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# Without an NVIDIA driver, torch can be taken from a package index with CPU builds, which are much
# smaller: make run TORCH_INDEX=URL. Unset, torch comes from the usual index.
TORCH_INDEX ?=

# An installation is for one set of pins, one Python and one place; its mark says which.
PINS = $(shell { cat pyproject.toml setup.py constraints.txt; pwd; $(PYTHON) -V; } | sha256sum | cut -c1-16)
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-11s %s\n", $$1, $$2}'
	@echo
	@echo "  ARGS=...         more arguments, e.g. make run ARGS='--port 8000', make test ARGS='-k chat'"
	@echo "  TORCH_INDEX=URL  where to take torch from when there is no NVIDIA driver (a CPU build is smaller)"
	@echo "  PYTHON=...       which Python (3.11 or newer) makes the environment"

run: install  ## Install what is needed and start the app at http://127.0.0.1:7860
	@$(BIN)/joyul serve $(ARGS) || test $$? -eq 130  # stopping it with Ctrl-C is no failure

# Test files are shared out over the cores, at most four: every process holds models of its own. One process: ARGS='-n 0'.
test: install-dev browser  ## Set up everything and run the tests
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

chaos: install-dev  ## Kill evaluations and trainings at random moments, import malformed files; nothing may be lost
	@$(BIN)/python -m pytest -m chaos $(ARGS)

roundtrips: install-dev  ## Round trips of datasets, tables and votes with 1,000 generated examples each
	@$(BIN)/python -m pytest --hypothesis-profile=thorough -o timeout=7200 tests/assistant/test_vote_files.py \
	  tests/assistant/datasets/test_round_trips.py tests/assistant/datasets/test_converting.py $(ARGS)

load: install-dev  ## People, faults and kills against the running app; e.g. ARGS='burst --users 200'
	@$(BIN)/python tests/load $(if $(ARGS),$(ARGS),all)

lint: install-dev  ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy assistant tuning eval

bench: install  ## Measure speed and memory; the ratios must hold
	@$(BIN)/joyul bench $(ARGS)

adapters: install  ## Train the demo adapters again and put them into data/demo/adapters
	@for recipe in data/demo/tune/*.yaml; do $(BIN)/joyul tune run "$$recipe" --home build/adapters-home $(ARGS); done
	@mkdir -p data/demo/adapters
	@for made in build/adapters-home/adapters/*/; do \
	  rm -rf "data/demo/adapters/$$(basename "$$made")"; cp -r "$$made" data/demo/adapters/; \
	done

screenshots: install-dev browser  ## Take the README's screenshots again
	@$(BIN)/python data/screenshots/take.py $(ARGS)

clean:  ## Remove what was built and cached; the environment and your data stay
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find assistant tuning eval tests data -name __pycache__ -type d -prune -exec rm -rf {} +

install: $(VENV)/bin/python
	@if [ ! -f "$(VENV)/run-$(PINS)" ] && [ ! -f "$(VENV)/dev-$(PINS)" ]; then \
	  $(MAKE) --no-print-directory torch; \
	  $(PIP) install -c constraints.txt -e .; \
	  rm -f $(VENV)/run-* $(VENV)/dev-*; touch "$(VENV)/run-$(PINS)"; \
	fi

install-dev: $(VENV)/bin/python
	@if [ ! -f "$(VENV)/dev-$(PINS)" ]; then \
	  $(MAKE) --no-print-directory torch; \
	  $(PIP) install -c constraints.txt -e '.[dev]'; \
	  rm -f $(VENV)/run-* $(VENV)/dev-*; touch "$(VENV)/dev-$(PINS)"; \
	fi

.PHONY: torch
torch:
	@if [ -n "$(TORCH_INDEX)" ] && ! command -v nvidia-smi >/dev/null; then \
	  $(PIP) install -c constraints.txt --extra-index-url "$(TORCH_INDEX)" torch; \
	fi

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.11")'
	@$(PYTHON) -m venv $(VENV)

# An installed browser, else Playwright's own download, else the system's package when root; without
# one the browser tests are skipped and say which command helps.
browser: install-dev
	@if [ -n "$$(command -v chromium chromium-browser google-chrome google-chrome-stable | head -1)" ]; then :; \
	elif [ -d "$${PLAYWRIGHT_BROWSERS_PATH:-$$HOME/.cache/ms-playwright}" ] \
	     && ls -d "$${PLAYWRIGHT_BROWSERS_PATH:-$$HOME/.cache/ms-playwright}"/chromium* >/dev/null 2>&1; then :; \
	elif timeout 300 $(BIN)/python -m playwright install chromium; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-cjk || true; \
	else echo "no browser: the browser tests will be skipped (apt-get install chromium fonts-noto-cjk)" >&2; fi
