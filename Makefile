# One command each: `make demo` shows the program, `make test` proves it. Both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PARTS := test-rooms test-windows test-jobs test-files

.PHONY: help demo test $(PARTS) coverage faults install lint clean

help:
	@echo "make demo      open napari with a simulated mouse, decoded and playing (no display: demo/screenshot.png)"
	@echo "make test      lint, type check and the whole test suite"
	@echo "make coverage  every test, and which lines and branches of the program they reach"
	@echo "make faults    what goes wrong in labs, many times over, with counts; FAULT_ROUNDS=30 of each"
	@echo "make install   what both need: system libraries, .venv, this package in it"

install: $(STAMP)

# torch comes first and pinned: anything else that asks for it would bring several GB of GPU packages.
$(STAMP): pyproject.toml constraints.txt tools/system-packages.sh
	bash tools/system-packages.sh
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

demo: $(STAMP)
	$(BIN)/cortex-decoder demo --out demo

# Two parts at a time, one core each, the two longest first: together they would take twice as long.
JOBS := tests/faults tests/runs tests/training
FILES := tests/recording tests/containers tests/files
test: $(STAMP) lint
	$(MAKE) --jobs=2 --output-sync=target --keep-going $(PARTS)

# `make coverage` runs these under another program
PYTEST ?= $(BIN)/python -m pytest

test-rooms: $(STAMP)
	OMP_NUM_THREADS=1 $(PYTEST) --ignore=tests/gui $(patsubst %,--ignore=%,$(JOBS) $(FILES))

test-windows: $(STAMP)
	OMP_NUM_THREADS=1 bash tools/with-display.sh $(PYTEST) tests/gui

# Trainings and faults: what runs in processes of its own.
test-jobs: $(STAMP)
	OMP_NUM_THREADS=1 $(PYTEST) $(JOBS)

test-files: $(STAMP)
	OMP_NUM_THREADS=1 $(PYTEST) $(FILES)

# A run with branches takes half as long again; goals: 92 % without widgets/, 85 % with.
coverage: $(STAMP)
	rm -f .coverage .coverage.*
	$(MAKE) --jobs=2 --output-sync=target --keep-going $(PARTS) PYTEST="$(BIN)/coverage run -m pytest"
	$(BIN)/coverage combine --quiet
	@echo "without widgets/"; $(BIN)/coverage report --skip-covered --omit="*/widgets/*" --fail-under=92
	@echo "with widgets/"; $(BIN)/coverage report --format=total --fail-under=85

# An hour or more: each verb is ended FAULT_ROUNDS times, labelling twice as often.
FAULT_ROUNDS ?= 30
FUZZ_INPUTS ?= 10000
faults: $(STAMP)
	OMP_NUM_THREADS=1 FAULT_ROUNDS=$(FAULT_ROUNDS) $(BIN)/python -m pytest tests/faults tests/labels/test_two_places.py tests/labels/test_journal.py
	PYTHONPATH=tests $(BIN)/python -m helpers.fuzz --inputs $(FUZZ_INPUTS) --seed 1

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/npe2 validate napari-cortex-decoder

clean:
	rm -rf $(VENV) demo build dist
