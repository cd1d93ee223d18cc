# Each target sets up what it needs: `make demo` and `make test` work in a fresh clone.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo compare test fuzz faults lint bench accuracy claims test-long gpu gpu-rehearse readme notebooks docs clean

demo: $(INSTALLED)
	$(BIN)/python demo/run.py

# Every scheduler on a model of bars; goes on where it was stopped.
compare: runs/eurusd-bars
	$(BIN)/sssd compare runs/eurusd-bars runs/eurusd.csv --steps 4,6,8,10,20,100 --plot runs/compare.png --json > runs/compare.new
	mv runs/compare.new runs/compare.json

# Coming bars with their volumes, from the random walk. Volumes follow the hours, which the network has to find: on a
# model whose network was left out, as the demo's is, solvers would have nothing to sample but a Gaussian.
BARS = --set model.location_scale=random-walk --set data.target_kind=log-return \
	--set 'data.targets=["High", "Low", "Close", "Volume"]' --set training.mirror=false --set training.learning_rate=1e-3

runs/eurusd-bars: | runs/eurusd
	$(BIN)/sssd train runs/eurusd.csv --out runs/eurusd-bars --config demo/eurusd.toml $(BARS) --set training.max_steps=1500

# A U-Net of the same, over 32 hours: what `make bench` tunes for its workload D.
runs/eurusd-unet: | runs/eurusd
	$(BIN)/sssd train runs/eurusd.csv --out runs/eurusd-unet --config benchmarks/unet.toml $(BARS)

# The same distilled, for one step and, which the U-Net needs, two.
runs/eurusd-bars-fast: | runs/eurusd-bars
	$(BIN)/sssd distill runs/eurusd-bars runs/eurusd.csv --out runs/eurusd-bars-fast

runs/eurusd-unet-fast: | runs/eurusd-unet
	$(BIN)/sssd distill runs/eurusd-unet runs/eurusd.csv --out runs/eurusd-unet-fast --steps 2 --max-steps 400

runs/eurusd:
	$(MAKE) demo

# One process for each core, and one thread in each: the tests' networks are too small to share.
test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# All of them, also those of which a cheaper one of the kind is in `make test`; half an hour.
test-long: $(INSTALLED)
	SSSD_LONG_TESTS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

# Damaged and foreign files: data, model folders, checkpoints, engines and manifests; `make test` tries a few hundred.
SSSD_FUZZ_CASES ?= 10000
fuzz: $(INSTALLED)
	SSSD_FUZZ_CASES=$(SSSD_FUZZ_CASES) OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/fuzz --numprocesses auto

# Kill -9 at random moments of every command that writes, 100 of each; about an hour.
KILLS ?= 100
faults: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python tests/faults/campaign.py --kills $(KILLS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m pytest benchmarks --benchmark-enable --benchmark-only --show-capture=no -rs

# A parcel for a machine with a GPU and no registry in reach: unpack it there, and run run_parts.py until no part is
# left. What came back is then merged: python benchmarks/gpu/merge.py RESULTS
GPU_PYTHON ?= 3.12
gpu: $(INSTALLED)
	$(BIN)/python benchmarks/gpu/pack.py --out runs/gpu-kit.tar --python $(GPU_PYTHON)

# The same here, with the CPU in the GPU's place, in an environment that has no more than such a machine.
gpu-rehearse: $(INSTALLED)
	$(BIN)/python benchmarks/gpu/rehearse.py --out runs/gpu-rehearsal

# Peers and heads on public data, given on the command line; goes on where it was stopped:
#   make accuracy EXCHANGE_RATE=exchange_rate.txt.gz ETTH1=ETTh1.csv GBPUSD=GBPUSD-1min.csv
#   make accuracy M4_HOURLY=m4_hourly_train.csv.gz BIKE=bike_hour.csv.gz VIC_ELEC=vic_elec.csv.gz
accuracy: $(INSTALLED) runs/eurusd
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ./engine --editable '.[accuracy]'
	$(BIN)/python benchmarks/accuracy/measure.py --eurusd runs/eurusd.csv \
		$(if $(EXCHANGE_RATE),--exchange-rate $(EXCHANGE_RATE)) \
		$(if $(ETTH1),--etth1 $(ETTH1)) $(if $(GBPUSD),--gbpusd $(GBPUSD)) \
		$(if $(M4_HOURLY),--m4-hourly $(M4_HOURLY)) $(if $(BIKE),--bike $(BIKE)) \
		$(if $(VIC_ELEC),--vic-elec $(VIC_ELEC))

# Imputation of ETTh1 against what anyone would fill in, into docs/benchmarks.md: make imputation ETTH1=ETTh1.csv
imputation: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/imputation.py $(ETTH1)

# The claims this project grew from and what was measured, and all tables of accuracy, into docs/.
claims: $(INSTALLED)
	$(BIN)/python benchmarks/claims.py

# Pictures and tables of docs/benchmarks.md, and the README's few figures, from what demo, compare and bench measured.
readme: $(INSTALLED)
	$(BIN)/python benchmarks/readme.py

# The notebooks with their outputs and pictures; one thread, so that a run gives what the run before gave.
notebooks: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python docs/notebooks/execute.py

# The site, into site/; a warning is an error.
docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Built under a temporary name's stamp: an interrupted installation is taken up again.
$(INSTALLED): pyproject.toml engine/pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ./engine --editable '.[export,openvino,tensorrt-rtx,demo,notebooks,docs,dev]'
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) runs site .pytest_cache .mypy_cache .ruff_cache
