# `make repro` makes the dataset, `make test` checks the code. Both set up .venv first.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# A colon ends an entry of PATH, DVC takes braces for a template of its own, and the scripts that venv and pip write into .venv do
# not quote the others.
REFUSED := $(foreach sign,: { } " ` \ $$,$(findstring $(sign),$(CURDIR)))
ifneq (,$(strip $(REFUSED)))
  $(error The name of this folder, $(CURDIR), has $(strip $(REFUSED)), by which DVC or a .venv in it does not work: move it to another)
endif
# Two processes, file by file, since what starts Ray waits most of the time; the long files come first. No thread spins while it waits.
PYTEST_TWO := OMP_WAIT_POLICY=PASSIVE pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

.PHONY: repro test test-ci test-all lint bench modes faults soak soak-docs schema metric-docs key-docs command-docs clean

repro: .venv/.ready
	@git rev-parse --git-dir > /dev/null 2>&1 || { echo "DVC works in a git repository: clone the project, or run git init here." >&2; exit 1; }
	@imagemint run all $(if $(PRESET),--preset $(PRESET),--default)

test: .venv/.ready
	$(PYTEST_TWO) -m "not ci and not slow and not soak"

# What proves a promise and takes minutes: .ci/run calls both.
test-ci: .venv/.ready
	$(PYTEST_TWO) -m "ci and not slow"

test-all: test test-ci
	pytest -m "slow and not soak"

soak: .venv/.ready
	pytest -m soak --timeout 7200 -s

lint: .venv/.ready
	ruff format --check .
	ruff check .
	mypy

bench: .venv/.ready
	python -m tests.benchmarks.bench

# About twenty minutes: every loss on the field's synthetic tests.
modes: .venv/.ready
	python -m tests.benchmarks.modes

# About half an hour, on the finished default preset: what the audit says of planted faults.
faults: .venv/.ready
	python -m tests.benchmarks.faults

# What the last soak found, into docs/benchmarks/.
soak-docs: .venv/.ready
	python -m tests.soak

schema: .venv/.ready
	imagemint schema > conf/schema.json

# What metrics declare, into docs/reference/metrics.md.
metric-docs: .venv/.ready
	python -m tests.metric_docs

# Every key of a preset, into docs/reference/keys.md.
key-docs: .venv/.ready
	python -m tests.key_docs

# Every command with its options, into docs/reference/commands.md.
command-docs: .venv/.ready
	python -m tests.command_docs

.venv/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2> /dev/null \
	  || { echo "imagemint needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }
	@echo "Setting up .venv (2.5 GB, a few minutes)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# Removes what the pipeline made, and the environment. DVC's cache (.dvc/cache) stays.
clean:
	rm -rf .venv data models datasets metrics runs dvc_plots bench.json .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
