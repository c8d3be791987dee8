# Two commands matter: `make run` starts Capacity Review on this machine, `make test` proves it.
# Settings are taken from the environment or given behind the command: make run PORT=9000 OPEN=1

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ARGS ?=

# Given on the command line or in the environment, these reach the launcher.
export HOST PORT OPEN DEMO_PASSWORD DATABASE_URL DATABASE_OWNER_URL CELERY_BROKER_URL SECRET_KEY ALLOWED_HOSTS
export DEMO BACKUP SETUP_CODE
export CAPACITY_DATA_DIR CAPACITY_PG_BIN CAPACITY_BROKER_BIN NO_BROWSER CHROMIUM_BIN

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev setup-bench run stop backup restore remove-demo services reset test test-long bench lint pytest clean

help:
	@echo "make run        start Capacity Review here: database, broker, web, two workers, beat (Ctrl-C stops it)"
	@echo "make run DEMO=0 the same without the demo world: begin with your own data"
	@echo "make stop       stop it from another terminal"
	@echo "make setup      only install (.venv)"
	@echo "make test       style, types and every test, with a database and a browser of their own"
	@echo "make test-long  the long fault, race and size tests"
	@echo "make bench      the measurements (about 20 minutes); make bench SIZES=R,M,L,XL the long ones too"
	@echo "make lint       style and types only"
	@echo "make pytest ARGS='tests/local -k lock'   some tests, with a fresh database and broker"
	@echo "make services   database and broker alone, for working on the code"
	@echo "make reset      delete the local data (asks nothing; refuses while it runs)"
	@echo "make backup     dump the database into var/backups; make restore FILE=… puts one back"
	@echo "make remove-demo YES=1   take the demo world out for good; without YES=1 it only says what would go"
	@echo "make clean      remove caches and test output"
	@echo "Variables: HOST PORT OPEN DEMO DEMO_PASSWORD BACKUP DATABASE_URL CELERY_BROKER_URL PYTHON; see docs/running.md"

setup:
	@$(PYTHON) capacity/local/install.py

setup-dev:
	@$(PYTHON) capacity/local/install.py --dev

setup-bench:
	@$(PYTHON) capacity/local/install.py --bench

# exec: Ctrl-C and `kill` reach the launcher itself, and make waits until it has stopped everything in order.
run: setup
	@exec $(PY) -m capacity.local run

stop services reset backup: setup
	@exec $(PY) -m capacity.local $@

restore: setup
	@exec $(PY) -m capacity.local restore "$(FILE)"

remove-demo: setup
	@exec $(PY) -m capacity.local remove-demo $(if $(filter 1 yes true,$(YES)),--yes)

test: setup-dev
	@exec $(PY) tests/run_all.py $(ARGS)

test-long: setup-dev
	@exec $(PY) tests/run_all.py --long $(ARGS)

lint: setup-dev
	@exec $(PY) tests/run_all.py --checks-only

bench: setup-bench
	@exec $(PY) -m capacity.local test-services -- $(PY) -m tests.benchmarks.bench $(if $(SIZES),--sizes $(SIZES)) $(ARGS)

pytest: setup-dev
	@exec $(PY) -m capacity.local test-services -- $(PY) -m pytest $(ARGS)

clean:
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis test-output staticfiles .coverage
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
