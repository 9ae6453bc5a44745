# make demo    see the whole job, nothing needed but Python and this folder
# make test    the tests, in a venv of its own: minutes
# make thorough   those that take long: kills at every step, every column of every table, full disks, memory, other users,
#                 the built wheel, Go's judgement of the log, forged evidence packages
# make quick   the tests that need no server and no process: seconds
# make lint    ruff and mypy
# make format  the code as ruff formats it
# make check   lint, then every test
# make bench   how fast everything is, beside openssl, dd, rclone and the AWS CLI: half an hour, 60 GB of disk
# make bench-ledger   how fast the ledger is, beside plain inserts and hashing alone: minutes
# make lock    newest versions into requirements/, with hashes
# make clean   away with venvs, caches and builds
#
# PYTHON=python3.13 VENV=.venv-3.13 make test    another interpreter, beside the first

PYTHON ?= python3
VENV ?= .venv
UV ?= uv
DEMO_ARGS ?=
# More workers than cores: many tests wait for a server, a disk or a clock.
PYTEST_ARGS ?= -n 4 --dist worksteal
# For every benchmark: --dir PATH is where it works (the disk that is measured), --json what it answers.
BENCH_ARGS ?=
BENCH_LEDGER := append verify prove sync_overhead

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(UV) pip compile pyproject.toml requirements/build.in --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade

# What is compiled is kept, whatever the environment says: hundreds of processes would each compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test thorough quick lint format check bench bench-ledger lock clean

help:
	@sed -n '/^$$/q;s/^# \{0,1\}//p' Makefile

demo: $(VENV)/demo.stamp
	$(BIN)/archiver demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not thorough" $(PYTEST_ARGS)

# Tests that take long (see above). CI runs them first.
thorough: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m thorough $(PYTEST_ARGS)

# The part that needs no server and no process: seconds.
quick: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m "not thorough" $(PYTEST_ARGS) tests/unit tests/property tests/architecture

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint thorough test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "archiver needs Python 3.11 or later, and '$(PYTHON)' is not (or not there): name one," >&2; \
		echo "as in: make PYTHON=python3.12 VENV=$(VENV) $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -f $@; \
		echo "'$(PYTHON)' cannot make a venv: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }

# The lock files hold every package with its hashes; hatchling is among them, so that nothing is fetched to build.
# The project itself is installed editable: changed code needs no new install.
$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml | $(BIN)/python
	@echo "installing what the demo needs into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements/demo.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "installing what the tests need into $(VENV)"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The peers have a venv of their own: the AWS CLI wants its own version of what ours needs.
PEERS := $(VENV)-peers
$(PEERS)/stamp: requirements/peers.txt
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt
	@touch $@

# A ratio that is not reached fails it, and says which; every measurement is in bench.json.
bench: $(VENV)/dev.stamp $(PEERS)/stamp
	$(BIN)/python -m benchmarks.table --peers $(PEERS)/bin --json bench.json $(BENCH_ARGS)

# One that misses its goal lets the others run, and fails the whole.
bench-ledger: $(VENV)/dev.stamp
	@failed=; for name in $(BENCH_LEDGER); do \
		$(BIN)/python -m benchmarks.$$name $(BENCH_ARGS) || failed="$$failed $$name"; echo; \
	done; test -z "$$failed" || { echo "missed a goal:$$failed" >&2; exit 1; }

# Newest versions that pyproject.toml allows, the same ones in all three files, for every platform and Python 3.11+.
lock:
	$(LOCK) --all-extras --output-file requirements/dev.txt
	$(UV) pip compile requirements/peers.in --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade --output-file requirements/peers.txt
	$(LOCK) --extra demo --constraint requirements/dev.txt --output-file requirements/demo.txt
	$(LOCK) --extra postgres --extra notify --extra report --extra sign --constraint requirements/dev.txt \
		--output-file requirements/runtime.txt

clean:
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
