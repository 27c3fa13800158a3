# A fresh machine needs Python >= 3.11 with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# uv where it is there: the same versions, several times faster.
UV := $(shell command -v uv 2>/dev/null)
PIP_INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check)

.PHONY: demo test e2e up lint docs bench bench-forecast audit clean lock install help

help: ## what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED) ## the environment in .venv

# Exactly the locked versions; bytecode is compiled here, because start-up counts.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "Installing $$(grep -c == requirements.lock) packages into $(VENV) with $(if $(UV),uv,pip): Dagster, PostgreSQL 18 (embedded), pandas, FastAPI and what they need"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP_INSTALL) -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib revops_assets >/dev/null || true
	@touch $@

demo: $(INSTALLED) ## build everything from a generated export and print a summary
	@$(BIN)/revops demo

test: export PYTHONDONTWRITEBYTECODE = # pytest rewrites assertions: once, not in every worker of every run
test: $(INSTALLED) ## the test suite, on the embedded PostgreSQL or on REVOPS_TEST_DATABASE_URL
	@$(BIN)/python -m pytest -n auto --dist loadgroup --no-loadscope-reorder

e2e: $(INSTALLED) ## the running system: clicked in Chromium, killed in the middle; minutes
	@$(BIN)/python -m pytest -m e2e -rP

up: $(INSTALLED) ## Dagster on http://127.0.0.1:3000, schedules and sensors running, until Ctrl-C
	@$(BIN)/revops up

lint: $(INSTALLED) ## formatting, lint, types, SQL, definitions
	@$(BIN)/ruff format --check revops_assets revops_assets_tests bench
	@$(BIN)/ruff check revops_assets revops_assets_tests bench
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes 0 sql/[1-9]_* sql/pipedrive sql/dyno_crm/*.sql sql/checks sql/invalidation sql/pages sql/questions
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" PYTHONWARNINGS=ignore $(BIN)/dg check defs

docs: $(INSTALLED) ## the generated pages: data_dictionary.md, contracts.ts, the questions of bi.md, crm_columns.md, roles.md
	@$(BIN)/python -m revops_assets.contracts.dictionary
	@$(BIN)/python -m revops_assets.contracts.models
	@$(BIN)/python -m revops_assets.contracts.questions
	@$(BIN)/python -m revops_assets.loading.columns_page
	@$(BIN)/python -m revops_assets.warehouse.rights_page

bench: $(INSTALLED) ## speed, always beside a yardstick
	@$(BIN)/python -m bench.run
	@$(BIN)/python -m bench.days

bench-forecast: $(INSTALLED) ## how right win probabilities were, on a public log (or a generated company)
	@$(BIN)/python -m bench.forecast

lock: ## renew requirements.lock to the newest versions that pyproject.toml allows
	@rm -rf $(VENV)/lock && $(PYTHON) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check --upgrade setuptools -e '.[dev]'
	@$(VENV)/lock/bin/python -m pip freeze --exclude-editable --all | grep -viE '^pip==' > requirements.lock
	@rm -rf $(VENV)/lock

audit: $(INSTALLED) ## known vulnerabilities of the locked packages; ends with 3 where no registry tells of any
	@$(BIN)/python -m bench.audit

clean: ## stop PostgreSQL and remove what was made
	@test ! -x $(BIN)/revops || $(BIN)/revops db stop || true
	rm -rf .revops $(VENV) .mypy_cache .ruff_cache .pytest_cache
