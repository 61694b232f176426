# cambench: make help lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA_ROOT ?= ../shared/data
WEIGHTS ?= ../shared/weights/alexnet-catdog.pth
OUT ?= runs/quickstart
PETS ?= runs/pets
SCENES := catdog-scenes
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup bench pets weights truth test time lint format clean

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

weights: setup  ## train the three shipped checkpoints on drawn scenes again (writes runs/weights/)
	mkdir -p runs/weights
	$(BIN)/cambench train --config configs/catdog-scenes-base.toml --out runs/weights/base.safetensors
	$(BIN)/cambench train --config configs/catdog-scenes.toml --weights runs/weights/base.safetensors --epochs 3 \
		--out runs/weights/step.safetensors
	$(BIN)/cambench train --config configs/catdog-scenes.toml --seed 0 --out runs/weights/catdog-scenes.safetensors
	$(BIN)/cambench train --config configs/catdog-scenes.toml --seed 1 --out runs/weights/catdog-scenes-1.safetensors
	$(BIN)/cambench train --config configs/catdog-scenes.toml --seed 2 --out runs/weights/catdog-scenes-2.safetensors

truth: setup  ## leakage, certificates, ground truth, metric validation; fills docs/ground-truth.md
	mkdir -p runs/truth
	$(BIN)/cambench leakage > runs/truth/leakage.txt
	for name in $(SCENES); do \
		$(BIN)/cambench certify --weights $$name > runs/truth/$$name.txt; \
		$(BIN)/cambench run --config configs/truth.toml --weights $$name --out runs/truth/$$name --resume || exit; \
	done
	$(BIN)/cambench pool $(SCENES:%=runs/truth/%) --out runs/truth/pooled \
		--metrics certified_scene,part_correlation,energy_in_evidence,target_sensitivity
	$(BIN)/cambench run --config configs/validation.toml --resume
	$(BIN)/python -m bench.docs docs/ground-truth.md

test: setup  ## run the tests
	$(BIN)/python -m pytest

time: setup  ## time maps and perturbation against a bare forward pass
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only -s

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup  ## let ruff format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other targets made (not runs/)
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
