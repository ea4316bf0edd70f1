# The commands of this project; `make` alone lists them. Everything runs in .venv, which is made at first use.

PY := .venv/bin/python
ARGS ?=
WORKERS ?= auto
# Both spellings of Docker's compose: the plugin, and the older program that Debian ships.
COMPOSE = $(shell docker compose version >/dev/null 2>&1 && echo docker compose || echo docker-compose)

.PHONY: help setup demo test check lint fix run up down golden schemas bench proof lock clean
.DEFAULT_GOAL := help

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# One set-up serves every later command; a change of the lock or of the entry points asks for another.
.venv/.ready: requirements-dev.lock pyproject.toml scripts/setup
	@PYTHON="$(PYTHON)" scripts/setup

setup: .venv/.ready  ## make .venv (the other commands do it by themselves)

demo: .venv/.ready  ## a day in a small shop on the embedded database: no broker, no server
	@$(PY) scripts/demo.py $(ARGS)

test: .venv/.ready  ## all tests against real RabbitMQ and PostgreSQL; ARGS="-k pix" chooses
	@$(PY) scripts/servers.py run -- $(PY) -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

check: lint test  ## what a change must pass: linters, types, import table, schema files, tests

lint: .venv/.ready
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) -m schemas.export --check
	$(PY) -m hub.bus.asyncapi --check

fix: .venv/.ready  ## mend what ruff can mend
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

run: .venv/.ready  ## run the hub with the settings of the environment or .env
	.venv/bin/hub run $(ARGS)

up:  ## RabbitMQ, PostgreSQL and the hub in containers
	@test -e .env || { umask 077 && python3 -c 'import re, secrets; print(re.sub(r"(?m)=GENERATE$$", lambda _: "=" + secrets.token_hex(16), open(".env.example").read()), end="")' > .env && echo "made .env with passwords of its own"; }
	$(COMPOSE) up --build --detach

down:  ## stop them; their data stays (add ARGS=--volumes to remove it)
	$(COMPOSE) down $(ARGS)

golden: .venv/.ready  ## rewrite the adapters' expected facts and show the difference: check every instant and amount by hand
	$(PY) scripts/golden.py $(ARGS)

schemas: .venv/.ready  ## write the JSON Schema files and the AsyncAPI document anew
	$(PY) -m schemas.export --write
	$(PY) -m hub.bus.asyncapi --write

# Only the peers of the benchmark need these.
.venv/.bench: requirements-bench.lock .venv/.ready
	@$(PY) -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.lock
	@touch $@

bench: .venv/.bench  ## throughput and latency of the running hub beside two peers; ARGS=--quick takes a minute
	@$(PY) -m benchmarks $(ARGS)

proof: .venv/.ready  ## every proof in full size (an hour rather than minutes)
	@HUB_PROOF=full $(PY) scripts/servers.py run -- $(PY) -m pytest -m proof --timeout 3600 -v $(ARGS)

# Versions and hashes, no address: the lock serves any index. A mirror's settings are kept out, or its own builds would get in.
LOCK := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= CUSTOM_COMPILE_COMMAND="make lock" .venv/lock/bin/pip-compile --quiet --strip-extras --generate-hashes \
  --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options $(ARGS)
lock:  ## resolve the dependencies anew; ARGS=--upgrade takes newer versions
	test -x .venv/lock/bin/pip-compile || { python3 -m venv .venv/lock && .venv/lock/bin/pip install -qq "pip-tools>=7.6,<8"; }
	$(LOCK) --output-file requirements.lock pyproject.toml
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --extra bench --constraint requirements.lock --output-file requirements-bench.lock pyproject.toml
	@! grep -nE '://|^-' requirements*.lock

clean:  ## remove what the tools left, .venv too
	rm -rf .venv build dist ./*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
