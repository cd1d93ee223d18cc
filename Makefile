# Each target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint bench readme clean

demo: $(INSTALLED)
	$(BIN)/python demo/run.py

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only --show-capture=no -rs

# The README's picture and tables, from what demo and bench measured last.
readme: $(INSTALLED)
	$(BIN)/python benchmarks/readme.py

# Built under a temporary name's stamp: an interrupted installation is taken up again.
$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[export,demo,dev]'
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
