# The few commands of Handoff Desk. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA_DIR ?= .data
WORKERS ?= 2
PAST ?= 1
export VENV PYTHON
TEST_ENV := DJANGO_SETTINGS_MODULE=config.settings_test
ROOMS := accounts config handoffs examples tests manage.py

.PHONY: help run test lint types bench faults pins environment dev

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*## ' Makefile | sort | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "  Options of run: PORT=$(PORT) DATA_DIR=$(DATA_DIR) PAST=$(PAST) DATABASE_URL=… REDIS_URL=…"

run: environment ## Start the desk with its demo: make run PORT=9000 DATA_DIR=/tmp/desk
	@PORT='$(PORT)' DATA_DIR='$(DATA_DIR)' PAST='$(PAST)' exec $(BIN)/python -m config.supervisor --stop-with-parent

test: dev lint types ## Everything that a change must pass
	@.ci/browser
	$(BIN)/python -m pytest -n $(WORKERS) --cov --cov-report=term

lint: dev ## Format, lint, imports, templates, migrations
	$(BIN)/ruff format --check $(ROOMS)
	$(BIN)/ruff check $(ROOMS)
	$(BIN)/lint-imports --no-logo
	$(BIN)/djlint --quiet --lint templates
	@$(TEST_ENV) $(BIN)/python manage.py makemigrations --check --dry-run

types: dev ## Check the types
	$(BIN)/mypy

bench: dev ## Measure, and print a table beside the floors
	$(BIN)/python -m tests.bench

faults: dev ## Kill, freeze and fill things, and check the invariants after each
	$(BIN)/python -m pytest tests/faults -m "fault or not fault" -p no:randomly

pins: ## Compile the pinned lists again (needs uv)
	@command -v uv >/dev/null || { echo "make pins needs uv on the PATH (pip install uv)." >&2; exit 2; }
	@for list in runtime dev; do \
	  uv pip compile --universal --generate-hashes --no-strip-extras --no-header --no-annotate --python-version 3.11 --quiet \
	    requirements/$$list.in -o requirements/$$list.txt; \
	done

environment:
	@requirements/install runtime

dev:
	@requirements/install dev
