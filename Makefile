# Every target makes what it needs in .venv (re-used when up to date); see CONTRIBUTING.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
SEEDS ?= 20
# Tests wait more than they work: three at a time leave two cores idle now and then.
JOBS ?= 3
SECONDS ?= 60
ARGS ?=
WHEEL_SOURCES := setup.py pyproject.toml $(shell find azext_dms_pg -name '*.py' -o -name '*.sql' -o -name '*.json' -o -name '*.html')

.PHONY: help demo test check format wheel bench torture steps fuzz mutants slow matrix clean venv-demo venv-dev

help: ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: wheel ## Watch a live database move between two real servers, by the tutorial's commands
	@$(BIN)/python -m scenarios.demo $(ARGS)

test: venv-dev ## All tests but the long ones
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope -m "not matrix and not torture and not slow" $(ARGS)

check: venv-dev ## Linters, types, and the floors of docs/architecture.md
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: venv-dev ## Lay the code out
	$(BIN)/ruff format .

wheel: dist/.built ## dist/*.whl, for az extension add --source

dist/.built: $(WHEEL_SOURCES) | venv-demo
	@rm -rf build dist
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . > .cache/build.log 2>&1 \
		|| { cat .cache/build.log; exit 1; }
	@rm -rf build *.egg-info
	@touch $@

bench: venv-dev ## Measure against native replication, pg_dump and pgcopydb (ARGS=--quick)
	$(BIN)/python -m benchmarks $(ARGS)

torture: venv-dev ## Random faults and schema changes, SEEDS=n of them
	$(BIN)/python -m tests.torture --seeds $(SEEDS) $(ARGS)

steps: venv-dev ## Kill a migration at every single step of it, one after the other
	$(BIN)/python -m tests.steps $(ARGS)

fuzz: venv-dev ## Bytes no server should send, SECONDS=n of them for each decoder
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

mutants: venv-dev ## Take the handling of every hazard away; the test named for it must fail
	$(BIN)/python -m tests.mutants $(ARGS)

slow: venv-dev ## The tests that move much data
	DMS_PG_TEST_BIG=1 $(BIN)/python -m pytest -m "slow or big" $(ARGS)

matrix: venv-dev ## Every pair of server versions
	$(BIN)/python -m pytest -m matrix $(ARGS)

clean: ## Remove everything that can be made again
	rm -rf .venv .cache build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv-demo:
	@tools/venv demo

venv-dev:
	@tools/venv dev
