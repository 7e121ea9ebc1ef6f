# Each target first creates what it needs in this directory, without root (.ci/run installs system packages).
#
#   make serve              start the emulator on http://127.0.0.1:2010
#   make serve ARGS="…"     the same with options, for example ARGS="--port 3000"
#   make example            a page with the real Voice SDK, a server, and an emulator unless one is running; requires npm
#   make test               every test
#   make test-lowest        the tests without a browser, with the lowest versions that pyproject.toml allows; use Python 3.11
#   make check              everything that CI runs: format and lint, types, import rules, tests
#   make fuzz               the following three targets; each prints how to reproduce a finding
#   make fuzz-properties    the property tests with ten times as many new examples; ARGS="--hypothesis-seed=N" repeats a run
#   make fuzz-bytes         300,000 requests of random bytes over http, https, the proxy and the WebSocket
#   make fuzz-memory        every operation for a minute with a memory limit of 64 MiB
#   make soak               well-behaved and hostile clients for 10 minutes; memory and descriptors must not grow
#   make bench              benchmarks; requires wrk
#   make generate           update the generated files: blocking clients, and the module index of docs/architecture.md
#   make format             format the sources
#   make lock               update the lock files to the newest versions; requires uv
#
# PYTHON is the interpreter (3.11 or newer), VENV the directory of its environment.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
NODE_TESTS := tests/conformance/node
EXAMPLE := examples/voice
HTTP1 := emulator/server/http1
# Must have full branch coverage by these tests; the others run without coverage, which takes a third of their time.
COVERED := emulator/wire/*,emulator/engine/*,$(HTTP1)/[cr]*.py,$(HTTP1)/states.py
COVERING := tests/wire tests/engine tests/server
PYTEST := $(BIN)/python -m pytest -q
PARALLEL := -n auto --dist worksteal

.PHONY: serve example test test-lowest fuzz fuzz-properties fuzz-bytes fuzz-memory soak check lint types imports bench generate format lock environment environment-dev
.DELETE_ON_ERROR:

# exec: the server replaces the shell, so that it receives SIGTERM and ctrl-C.
serve: environment
	@echo "starting the emulator; ctrl-C stops it (options: make serve ARGS=\"--port 3000\")" >&2
	@exec $(BIN)/twilio-udm-emulator serve $(ARGS)

example: $(VENV)/.installed-example $(EXAMPLE)/node_modules/.installed
	@exec $(BIN)/python $(EXAMPLE)/start.py

check: lint types imports test

lint: environment-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python scripts/generate_blocking.py --check
	$(BIN)/python scripts/generate_module_index.py --check

types: environment-dev
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini

imports: environment-dev
	$(BIN)/lint-imports

test: environment-dev $(NODE_TESTS)/node_modules/.installed
	@echo "testing wire, engine and server, with their coverage"
	@$(PYTEST) $(PARALLEL) $(COVERING) --cov=emulator.wire --cov=emulator.engine --cov=emulator.server.http1 --cov-branch --cov-report=
	@$(BIN)/coverage report --include='$(COVERED)' --fail-under=100
	@echo "testing everything else except the web page"
	@$(PYTEST) $(PARALLEL) $(addprefix --ignore=,$(COVERING) tests/web)
	@echo "testing the web page, one browser at a time"
	@$(PYTEST) tests/web

# pytest prints how to reproduce a finding. The last of two seeds counts, so ARGS can repeat a run.
fuzz: fuzz-properties fuzz-bytes fuzz-memory

fuzz-properties: environment-dev
	@seed=$$($(BIN)/python -c 'import secrets; print(secrets.randbits(32))'); \
	echo "to repeat this run: make fuzz-properties ARGS=\"--hypothesis-seed=$$seed\""; \
	exec $(BIN)/python -m pytest -n auto -m hypothesis --hypothesis-profile=fuzz --hypothesis-seed=$$seed $(ARGS)

# Both print how to reproduce a finding; ARGS="--seed=N --seconds=60" sets seed and duration.
fuzz-bytes: environment-dev
	@exec $(BIN)/python tests/fuzz/byte_fuzzer.py $(ARGS)

fuzz-memory: environment-dev
	@exec $(BIN)/python tests/fuzz/memory_law.py $(ARGS)

soak: environment-dev
	@exec $(BIN)/python tests/fuzz/soak.py $(ARGS)

# Old releases of dependencies use features that Python and pydantic have deprecated since.
test-lowest: $(NODE_TESTS)/node_modules/.installed
	@$(PYTHON) requirements/install.py lowest $(LOWEST)
	$(LOWEST)/bin/python -m pytest -q $(PARALLEL) --ignore=tests/web \
	    -W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning

bench: environment-dev
	$(BIN)/python benchmarks/run.py $(ARGS)

generate: environment-dev
	$(BIN)/python scripts/generate_blocking.py
	$(BIN)/python scripts/generate_module_index.py

format: environment-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Created when the lock files, pyproject.toml or the interpreter have changed.
environment:
	@$(PYTHON) requirements/install.py serve $(VENV)

environment-dev:
	@$(PYTHON) requirements/install.py dev $(VENV)

# --no-strip-extras (coverage[toml]==…): without it, older versions of pip look for newer versions of these packages and fail.
LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-strip-extras
lock:
	$(LOCK) pyproject.toml --extra dev --group build --output-file requirements/dev.txt
	$(LOCK) pyproject.toml --extra tls --constraint requirements/dev.txt --output-file requirements/serve.txt
	$(LOCK) --group build --constraint requirements/dev.txt --output-file requirements/build.txt
	echo 'twilio>=9.13' | $(LOCK) - --constraint requirements/dev.txt --output-file requirements/example.txt
	$(LOCK) pyproject.toml --extra dev --group build --resolution lowest-direct --output-file requirements/lowest.txt

# Without Node packages, these tests are skipped with a message; in CI this is an error. Without a stamp, the next call retries.
$(NODE_TESTS)/node_modules/.installed: $(NODE_TESTS)/package.json $(NODE_TESTS)/package-lock.json
	@if command -v npm >/dev/null && (cd $(NODE_TESTS) && npm ci --loglevel=error); then \
	    touch $@; \
	else \
	    echo "*** SKIPPED: the tests with Twilio's Node library, because Node packages could not be installed (is npm installed?)" >&2; \
	    test -z "$${CI:-}"; \
	fi

$(VENV)/.installed-example: requirements/example.txt | environment
	@echo "installing Twilio's Python library into $(VENV)" >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

$(EXAMPLE)/node_modules/.installed: $(EXAMPLE)/package.json $(EXAMPLE)/package-lock.json
	@command -v npm >/dev/null || { echo "make example requires npm, which is part of Node.js 20 or newer" >&2; exit 1; }
	@echo "installing the Voice SDK into $(EXAMPLE)/node_modules" >&2
	@cd $(EXAMPLE) && npm ci --loglevel=error >&2
	@touch $@
