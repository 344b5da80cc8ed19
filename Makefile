# `make demo` and `make test` set up what they need: a virtual environment in .venv, installed once.
PYTHON ?= python3
BIN := .venv/bin
DEMO_RUN := runs/demo/$(shell date +%Y-%m-%dT%H-%M-%S)

.PHONY: install demo test test-slow check

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/installed
	$(BIN)/python -m ner_lightning fit --config configs/experiment/demo.yaml --run_dir $(DEMO_RUN)
	$(BIN)/python -m ner_lightning predict --model $(DEMO_RUN)/model --input configs/experiment/demo.txt --output - --style color

test: .venv/installed
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal

test-slow: .venv/installed
	$(BIN)/python -m pytest -m 'slow or gpu'

check: .venv/installed
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(MAKE) test
