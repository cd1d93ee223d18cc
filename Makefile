# Each target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo compare test lint bench readme clean

demo: $(INSTALLED)
	$(BIN)/python demo/run.py

# Every scheduler on the demo's model; goes on where it was stopped.
compare: runs/eurusd
	$(BIN)/sssd compare runs/eurusd runs/eurusd.csv --steps 4,6,8,10,20,100 --plot runs/compare.png --json > runs/compare.new
	mv runs/compare.new runs/compare.json

runs/eurusd:
	$(MAKE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only --show-capture=no -rs

# The README's pictures and tables, from what demo, compare and bench measured last.
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
