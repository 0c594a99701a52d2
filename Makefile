# One command for each thing that is done here; `make` alone lists them.
# Works with GNU make 3.81 (macOS) and newer, also in a path with spaces: every path is relative.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
PACKAGES := taps/tap-toggl taps/tap-garmin targets/target-bronze-postgres
PYPROJECTS := pyproject.toml $(PACKAGES:%=%/pyproject.toml)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.DEFAULT_GOAL := help
.PHONY: install demo run sandbox test test-extra lint docs bench lock clean help

install: $(INSTALLED)  ## Install everything into .venv, from requirements.lock by hash (PYTHON=python3.12 picks another Python)

$(INSTALLED): requirements.lock $(PYPROJECTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'make: "$(PYTHON)" is no Python 3.11 or newer: name one, as in make install PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'make: "$(PYTHON)" lacks the venv module: install it (on Debian: apt install python3-venv)' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo 'Installing into .venv ...'
	@awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock >.venv/uv.lock
	@$(PIP) install --require-hashes --requirement .venv/uv.lock
	@# uv takes a fifth of pip's time, but does not read pip's configuration: where that is needed, pip goes on.
	@$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python \
		--require-hashes --requirement requirements.lock 2>.venv/uv.log || \
		{ echo 'uv could not do it (.venv/uv.log says why); pip goes on, which takes a minute ...'; \
		$(PIP) install --require-hashes --requirement requirements.lock; }
	@$(PIP) install --no-index --no-deps --no-build-isolation $(PACKAGES:%=--editable %)
	@touch $@

demo: install  ## Run both pipelines through Meltano, from made-up services into the embedded PostgreSQL
	@$(BIN)/python -m tests.demo

run: install  ## Run the pipelines whose keys are in .env, through Meltano, and show what landed
	@$(BIN)/python -m orchestrate.run

sandbox: install  ## Serve made-up Toggl and Garmin accounts on this machine, to try things by hand
	@$(BIN)/python -m tests.sandbox serve

test: lint  ## Run everything that needs no more than pip brings: lint, types, all tests with coverage
	@$(BIN)/python -m pytest -m 'not extra' --numprocesses=2 --cov

test-extra: install  ## Run the tests that need more tools; each names the tool it lacks (REQUIRE_EXTRA=1: a skip fails)
	@$(BIN)/python -m pytest -m extra

lint: install  ## Check style, types, dependencies and every file that has a schema
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@for part in $(PACKAGES) conftest.py tests benchmarks orchestrate; do $(BIN)/mypy $$part || exit 1; done
	@for package in $(PACKAGES); do (cd $$package && ../../$(BIN)/deptry .) || exit 1; done
	@$(BIN)/check-jsonschema --schemafile \
		"$$($(BIN)/python -c 'from importlib.util import find_spec; print(find_spec("meltano").submodule_search_locations[0])')/schemas/meltano.schema.json" \
		meltano.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.dev.yml

docs: install  ## Write the tables of settings in the READMEs anew, from --about
	@$(BIN)/python -m tests.documentation

bench: install  ## Measure on this machine (ONLY=loader,peers a part; RUNS=, ROWS=, MANY=, QUERIED= less; see --help)
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(RUNS),--runs $(RUNS)) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(MANY),--many $(MANY)) $(if $(QUERIED),--queried $(QUERIED))

$(BIN)/uv:
	@$(MAKE) install

lock: $(BIN)/uv  ## Write requirements.lock anew for Python 3.11 and newer (UPGRADE=1: with the newest versions)
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 \
		--generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade) \
		--output-file requirements.lock --group dev $(PYPROJECTS)

clean:  ## Remove .venv, caches and build output; never data/ (your rows) nor .meltano/ (the state of your pipelines)
	@if test -x $(BIN)/bronze; then $(BIN)/bronze db stop || true; fi
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist
	@find . \( -name .git -o -name data -o -name .meltano \) -prune \
		-o \( -name __pycache__ -o -name .hypothesis -o -name dist \) -type d -exec rm -rf {} +

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
