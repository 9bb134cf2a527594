# Needs Python 3.11 or newer, Git and make. Everything else is installed into $(VENV).
PYTHON ?= python3
VENV ?= .venv
# Tests wait for servers and processes more than they compute.
WORKERS ?= 4
ARGS ?=

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Where this is set, every command would compile the whole package anew, which no installation does.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SCHEMAS := release config plan event log logs standing drift status diff compile validate check import prune

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(INSTALLED) ## Install the project and its tools into .venv, once

$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## Play the whole story on this machine, without an account
	$(BIN)/gitops demo $(ARGS)

.PHONY: test
test: $(INSTALLED) ## Run the tests; ARGS="-k rollback" and the like go to pytest
	$(BIN)/pytest -n $(WORKERS) --maxschedchunk 2 $(ARGS)

.PHONY: check
check: check-format check-lint check-types check-borders check-schemas check-facts check-endpoints ## Run everything that judges code without running it

.PHONY: check-format check-lint check-types check-borders check-schemas check-facts check-endpoints
check-format: $(INSTALLED)
	$(BIN)/ruff format --check .

check-lint: $(INSTALLED)
	$(BIN)/ruff check .

check-types: $(INSTALLED)
	$(BIN)/mypy

check-borders: $(INSTALLED)
	$(BIN)/lint-imports --no-logo

check-schemas: $(INSTALLED)
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	for name in $(SCHEMAS); do $(BIN)/gitops schema "$$name" > "$$fresh/$$name.schema.json"; done; \
	diff -ru schemas "$$fresh" || { echo 'schemas/ is not what the code says: run `make schemas`' >&2; exit 1; }

check-facts: $(INSTALLED)
	@$(BIN)/python -m tests.emulator.facts | diff -u docs/baseten.md - || \
	{ echo 'docs/baseten.md is not what the table and the tests say: run `make facts`' >&2; exit 1; }

check-endpoints: $(INSTALLED)
	@$(BIN)/python -m tests.emulator.endpoints | diff -u docs/emulator-endpoints.md - || \
	{ echo 'docs/emulator-endpoints.md is not what the code says: run `make endpoints`' >&2; exit 1; }

.PHONY: format
format: $(INSTALLED) ## Lay out the code and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: golden
golden: $(INSTALLED) ## Rewrite the golden files; read the diff before you commit it
	$(BIN)/pytest -q -n $(WORKERS) --update-golden $(ARGS)

.PHONY: schemas
schemas: $(INSTALLED) ## Write schemas/ anew from the code
	@mkdir -p schemas
	for name in $(SCHEMAS); do $(BIN)/gitops schema "$$name" > "schemas/$$name.schema.json"; done

.PHONY: facts
facts: $(INSTALLED) ## Write docs/baseten.md anew from docs/facts.toml and the tests
	$(BIN)/python -m tests.emulator.facts > docs/baseten.md

.PHONY: endpoints
endpoints: $(INSTALLED) ## Write docs/emulator-endpoints.md anew from the emulator's routes
	$(BIN)/python -m tests.emulator.endpoints > docs/emulator-endpoints.md

.PHONY: docs
docs: $(INSTALLED) ## Build the documentation site into build/docs
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --builder html \
	  --doctree-dir build/doctrees docs build/docs
	@echo 'build/docs/index.html'

.PHONY: benchmarks
benchmarks: $(INSTALLED) ## Run the benchmarks, one after the other
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python "$$benchmark" $(ARGS); done

# uv reads neither pip's settings nor, with --no-config, its own: the files depend on
# pyproject.toml and on the package index alone. Versions stay unless ARGS=--upgrade.
.PHONY: constraints
constraints: ## Write the pins anew from pyproject.toml; ARGS=--upgrade takes newer versions
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	pin() { "$$tools/bin/uv" --no-config --quiet pip compile --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate "$$@" $(ARGS); }; \
	pin pyproject.toml --extra dev --extra docs --output-file constraints.txt; \
	pin pyproject.toml --constraint constraints.txt --output-file runtime.txt; \
	pin - --output-file .ci/truss.txt <<< truss; \
	if grep -nE '^-|://' constraints.txt runtime.txt .ci/truss.txt; then echo 'a pin names a host or a path' >&2; exit 1; fi

# Tools that only a release needs come into environments of their own.
.PHONY: dist
dist: $(INSTALLED) ## Build wheel and sdist into dist/, with the bill of what the wheel brings along
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools/bom"; $(PYTHON) -m venv "$$tools/runtime"; \
	quietly() { "$$tools/$$1/bin/python" -m pip "$${@:2}" --quiet --disable-pip-version-check; }; \
	quietly bom install cyclonedx-bom; \
	quietly runtime install --require-hashes -r runtime.txt; \
	quietly runtime install --no-deps --no-index --find-links dist baseten-gitops; \
	quietly runtime uninstall --yes pip setuptools; \
	version=$$($(BIN)/gitops --version | awk '{ print $$NF }'); \
	sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml > "$$tools/pyproject.toml"; \
	"$$tools/bom/bin/cyclonedx-py" environment "$$tools/runtime/bin/python" \
	  --pyproject "$$tools/pyproject.toml" \
	  --output-reproducible --output-file dist/baseten_gitops.cdx.json

.PHONY: audit
audit: ## Ask for known vulnerabilities of everything that is pinned
	@tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$(PYTHON) -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check pip-audit; \
	"$$tools/bin/pip-audit" --strict --disable-pip --require-hashes -r constraints.txt

.PHONY: check-release
check-release: $(INSTALLED) ## Is TAG=vX.Y.Z the version, and has the changelog an entry for it?
	@version=$$($(BIN)/gitops --version | awk '{ print $$NF }'); \
	refuse() { echo "$$1" >&2; exit 1; }; \
	[[ "$(TAG)" == "v$$version" ]] || refuse "the tag is $(TAG), the version $$version"; \
	grep -qE "^## \[$$version\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$$" CHANGELOG.md || \
	  refuse "CHANGELOG.md has no entry for $$version"; \
	! sed -n '/^## \[Unreleased\]/,/^## \[[0-9]/p' CHANGELOG.md | grep -q '^- ' || \
	  refuse "CHANGELOG.md has changes that are in no version: move them below $$version"

.PHONY: clean
clean: ## Remove what the tools left, but not .venv
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
