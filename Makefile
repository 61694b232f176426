# cambench: make help lists the targets.
PYTHON ?= python3
VENV := .venv
PARITY := .venv-parity
PEERS := .venv-peers
BIN := $(VENV)/bin
DATA_ROOT ?= ../shared/data
WEIGHTS ?= ../shared/weights/alexnet-catdog.pth
OUT ?= runs/quickstart
JOBS ?= auto
FUZZ ?= 20
SOAK_IMAGES ?= 25000
MUTANTS ?= 16
PETS ?= runs/pets
STUDY ?= configs/study-scenes.toml
SCENES := catdog-scenes catdog-scenes-1 catdog-scenes-2
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup bench pets study weights truth results networks docs api test calibrate fuzz soak mutants parity peers scaling time lint format clean

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

setup: $(STAMP)  ## create .venv with everything pinned in constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "cambench needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Use: make setup PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	@touch $@

bench: setup  ## score Grad-CAM and LayerCAM on drawn scenes: no data, no checkpoint needed (OUT=)
	$(BIN)/cambench run --config configs/quickstart.toml --out $(OUT) --resume

pets: setup  ## the same on the Oxford-IIIT Pet photographs (DATA_ROOT=, WEIGHTS=, PETS=)
	$(BIN)/cambench run --dataset oxford-iiit-pet --data-root $(DATA_ROOT) --split test \
		--weights $(WEIGHTS) --methods gradcam,layercam --layers features.11,features.12 \
		--protocols rise,srg --steps 32 --out $(PETS) --resume

study: setup  ## one verdict over several networks (STUDY=; default: the six shipped networks of drawn scenes)
	$(BIN)/cambench study $(STUDY) --resume

weights: setup  ## train the six shipped networks on drawn scenes again (writes runs/weights/; over an hour)
	for seed in 0 1 2; do PATH="$(abspath $(BIN)):$$PATH" sh configs/catdog-scenes.sh $$seed runs/weights/$$seed || exit; done

truth: setup  ## leakage, certificates, ground truth, metric validation; fills docs/ground-truth.md
	mkdir -p runs/truth
	$(BIN)/cambench leakage > runs/truth/leakage.txt
	$(BIN)/cambench train --dataset synthetic --split correlated --limit 300 --epochs 2 --batch-size 16 \
		--out runs/truth/shortcut.safetensors
	-$(BIN)/cambench certify --weights runs/truth/shortcut.safetensors > runs/truth/shortcut.txt
	for name in $(SCENES); do \
		$(BIN)/cambench certify --weights $$name > runs/truth/$$name.txt; \
		$(BIN)/cambench run --config configs/truth.toml --weights $$name --out runs/truth/$$name --resume || exit; \
	done
	$(BIN)/cambench pool $(SCENES:%=runs/truth/%) --out runs/truth/pooled \
		--metrics certified_scene,part_correlation,energy_in_evidence,target_sensitivity
	$(BIN)/cambench run --config configs/validation.toml --resume
	$(BIN)/python -m bench.docs docs/ground-truth.md

results: bench pets  ## the verdicts on photographs and drawn scenes side by side; fills docs/results.md
	$(BIN)/cambench run --dataset files --data-root $(DATA_ROOT)/lab --weights $(WEIGHTS) \
		--layers features.11,features.12 --out runs/lab --resume
	for name in alexnet-catdog.pth efficientnet-lite0-imagenet.safetensors; do \
		$(BIN)/cambench run --dataset oxford-iiit-pet --data-root $(DATA_ROOT) --split test --protocols none --controls none \
			--weights $(dir $(WEIGHTS))$$name --out runs/scatter/$${name%%-*} --resume || exit; \
	done
	$(BIN)/cambench across $(PETS) $(OUT) --out runs/across
	$(BIN)/python -m bench.docs docs/results.md

networks: setup  ## networks of every kind as they are: layer, map, cost, parity; fills docs/networks.md (goes on where it was)
	-$(BIN)/python -m bench.networks --weights $(dir $(WEIGHTS)) --data-root $(DATA_ROOT) --out runs/networks
	$(BIN)/python -m bench.docs docs/networks.md

docs: setup  ## the Markdown, the tutorial and the reports under runs/ as a site in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m bench.site

api: setup  ## docs/api.md from the docstrings
	$(BIN)/python -m bench.api docs/api.md

test: setup  ## run the tests, one process per core (JOBS=)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

calibrate: setup  ## false alarms, coverage and power of the statistics, simulated; writes docs/calibration.md (20 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python tests/calibration/calibrate.py

fuzz: setup  ## the generated corpora and injected faults FUZZ times as long as in the tests (FUZZ=, default 20: an hour)
	OMP_NUM_THREADS=1 CAMBENCH_FUZZ=$(FUZZ) $(BIN)/python -m pytest -n $(JOBS) $$(grep -rl CAMBENCH_FUZZ tests --include='test_*.py')

soak: setup  ## 25,000 images through a run and its report, watched for what grows (SOAK_IMAGES=; half an hour)
	rm -rf runs/soak
	OMP_NUM_THREADS=1 $(BIN)/python tests/soak/soak.py --images $(SOAK_IMAGES) --out runs/soak

mutants: setup  ## change cam/ and metrics/ in MUTANTS= drawn places a file, list what no test notices (hours; goes on)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,mutants]'
	OMP_NUM_THREADS=1 CAMBENCH_SHARED=$(abspath ../shared) $(BIN)/python tests/mutation/drawn.py $(MUTANTS)
	$(BIN)/python -m bench.docs docs/mutants.md

parity: $(PARITY)/.installed  ## our maps against those of grad-cam and torchcam; fills docs/parity.md (WEIGHTS=, DATA_ROOT=)
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PARITY)/bin/python tests/parity/parity.py --weights $(WEIGHTS) \
		--pictures $(DATA_ROOT)/lab --write docs/parity.md
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PARITY)/bin/python tests/parity/scores.py --weights $(WEIGHTS) \
		--pictures $(DATA_ROOT)/lab --write docs/parity.md

$(PARITY)/.installed: tests/parity/requirements.txt constraints.txt
	$(PYTHON) -m venv $(PARITY)
	$(PARITY)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		torch torchvision numpy scipy pillow safetensors filelock tqdm -r tests/parity/requirements.txt
	@touch $@

peers: setup $(PEERS)/.installed  ## ours against other packages, side by side; fills docs/performance.md (WEIGHTS=, DATA_ROOT=; 10 minutes)
	OMP_NUM_THREADS=1 PYTHONPATH=. $(PEERS)/bin/python tests/peers/peers.py --weights $(WEIGHTS) --data-root $(DATA_ROOT)
	$(BIN)/python -m bench.docs docs/performance.md

$(PEERS)/.installed: tests/peers/requirements.txt constraints.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e . -r tests/peers/requirements.txt
	@touch $@

scaling: setup  ## how time and memory grow, plots and table for docs/performance.md (WEIGHTS=, FULL=--full: 25,000 images)
	OMP_NUM_THREADS=1 $(BIN)/python tests/scale/scaling.py --weights $(dir $(WEIGHTS))alexnet-narrow-catdog.pth $(FULL)
	cp runs/scaling/scaling.png docs/scaling.png
	$(BIN)/python -m bench.docs docs/performance.md

time: setup  ## time every stage against a bare forward pass (FULL=--full: every method and batch); OUT= is the run that shows it
	$(BIN)/python -m pytest bench/timing --benchmark-only --benchmark-columns=median,iqr,rounds $(FULL) --benchmark-json=runs/latency.json
	if [ -f $(OUT)/manifest.json ]; then cp runs/latency.json $(OUT)/latency.json && $(BIN)/cambench report $(OUT); fi

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## let ruff format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other targets made (not runs/)
	rm -rf $(VENV) $(PARITY) $(PEERS) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
