# One command per use. Each first makes what it needs inside this folder; nothing here needs root (.ci/run brings system packages).
#
#   make serve              start the emulator on http://127.0.0.1:2010
#   make serve ARGS="…"     the same with options, for example ARGS="--port 3000"
#   make example            a page with the real Voice SDK, a server, and an emulator unless one runs already; needs npm
#   make test               every test
#   make check              what CI runs: format and lint, types, import rules, tests
#   make fuzz               the property tests with fresh examples, ten times as many; ARGS="--hypothesis-seed=N" repeats a run
#   make bench              benchmarks; needs wrk
#   make format             put the sources into the project's format

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
NODE_TESTS := tests/conformance/node
EXAMPLE := examples/voice

.PHONY: serve example test fuzz check lint types imports bench format
.DELETE_ON_ERROR:

# exec: make's child is the server itself, so that SIGTERM and ctrl-C reach it and not a shell in between.
serve: $(VENV)/.installed
	@exec $(BIN)/twilio-udm-emulator serve $(ARGS)

example: $(VENV)/.installed-example $(EXAMPLE)/node_modules/.installed
	@exec $(BIN)/python $(EXAMPLE)/start.py

check: lint types imports test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

test: $(VENV)/.installed-dev $(NODE_TESTS)/node_modules/.installed
	$(BIN)/python -m pytest -n auto --ignore=tests/web --cov=emulator --cov-branch --cov-report=
	$(BIN)/python -m pytest tests/web --cov=emulator --cov-branch --cov-append --cov-report=  # one browser at a time
	$(BIN)/coverage report --include='emulator/wire/*,emulator/engine/*' --fail-under=100

# pytest prints what reproduces a finding. Of two seeds the last one counts, so ARGS can repeat a run.
fuzz: $(VENV)/.installed-dev
	@seed=$$($(BIN)/python -c 'import secrets; print(secrets.randbits(32))'); \
	echo "repeat this run with: make fuzz ARGS=\"--hypothesis-seed=$$seed\""; \
	exec $(BIN)/python -m pytest -n auto -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$seed $(ARGS)

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/run.py $(ARGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# pip is what a venv gets last: a venv that broke off half-way (Debian without python3-venv) is made again, not trusted.
$(BIN)/pip:
	@echo "making $(VENV)" >&2
	@$(PYTHON) -m venv --clear $(VENV)

# Editable, so that a changed source needs no new install; stamps, so that the second call is instant. Only stderr: stdout is the server's.
$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	@echo "installing the emulator into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[tls]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/pip
	@echo "installing the emulator and its development tools into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(VENV)/.installed $@

# Without Node's library its tests are skipped, loudly; in CI nothing is skipped. No stamp then: the next call tries again.
$(NODE_TESTS)/node_modules/.installed: $(NODE_TESTS)/package.json $(NODE_TESTS)/package-lock.json
	@if command -v npm >/dev/null && (cd $(NODE_TESTS) && npm ci --loglevel=error); then \
	    touch $@; \
	else \
	    echo "*** SKIPPED: the tests with Twilio's Node library, because Node packages could not be installed (is npm here?)" >&2; \
	    test -z "$${CI:-}"; \
	fi

$(VENV)/.installed-example: $(VENV)/.installed
	@echo "installing Twilio's Python library into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'twilio>=9.13'
	@touch $@

$(EXAMPLE)/node_modules/.installed: $(EXAMPLE)/package.json $(EXAMPLE)/package-lock.json
	@command -v npm >/dev/null || { echo "make example needs npm, which comes with Node.js 20 or newer" >&2; exit 1; }
	@echo "installing the Voice SDK into $(EXAMPLE)/node_modules" >&2
	@cd $(EXAMPLE) && npm ci --loglevel=error >&2
	@touch $@
