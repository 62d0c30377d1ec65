# What people do often. Every target makes its own environment from hashed requirements.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint bench docs requirements clean

demo: $(VENV)/.demo  ## set everything up and run the main job
	$(BIN)/fraudrisk demo --out demo

test: $(VENV)/.dev  ## set everything up and pass the tests
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev  ## ratios to named baselines, each in one run
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev  ## pages generated from the code and the packs
	$(BIN)/python -m docs.generate

COMPILE = $(BIN)/pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --allow-unsafe --no-header

requirements: $(VENV)/.dev  ## renew the hashed files from pyproject.toml
	$(COMPILE) -o requirements-build.txt requirements-build.in
	$(COMPILE) --extra dev -o requirements-dev.txt pyproject.toml
	$(COMPILE) -c requirements-dev.txt -o requirements.txt pyproject.toml

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: requirements.txt pyproject.toml | $(VENV)/bin/python
	test -f $(VENV)/.dev || $(BIN)/python -m pip install -q --require-hashes -r requirements.txt
	$(BIN)/python -m pip install -q --require-hashes -r requirements-build.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install -q --require-hashes -r requirements-build.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) demo build dist
