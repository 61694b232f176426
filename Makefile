# cambench: make help lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA_ROOT ?= ../shared/data
WEIGHTS ?= ../shared/weights/alexnet-catdog.pth
OUT ?= runs/quickstart
PETS ?= runs/pets
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup bench pets weights test time lint format clean

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

weights: setup  ## train the shipped checkpoint on drawn scenes again (writes runs/catdog-scenes.safetensors)
	mkdir -p runs
	$(BIN)/cambench train --config configs/catdog-scenes.toml --out runs/catdog-scenes.safetensors

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
