# One command each: `make demo` shows the program, `make test` proves it. Both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test install lint docs-pictures clean

help:
	@echo "make demo      open napari with a simulated mouse, decoded and playing (no display: demo/screenshot.png)"
	@echo "make test      lint, type check and the whole test suite"
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

test: $(STAMP) lint
	bash tools/with-display.sh $(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/npe2 validate napari-cortex-decoder

clean:
	rm -rf $(VENV) demo build dist
