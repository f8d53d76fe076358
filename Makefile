# Every target makes .venv when it is missing. Another interpreter: make setup PYTHON=python3.12
PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
OLDEST := .venv-lower-bounds
PYTEST_ARGS ?=
# Two processes of one thread each: a third faster than one process with two. The cells of a notebook stay together.
PARALLEL := -n 2 --dist loadfile

NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-sanitize-with tests/nbval_sanitize.cfg

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-slow test-lower-bounds test-browser lab notebooks lint format bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e ".[dev]"
	@touch $@

setup: $(READY) ## create .venv and install kd_teach with its tools (minutes the first time: PyTorch is large)

demo: $(READY) ## distil a small student from a shipped teacher; ends with a table and a figure
	$(BIN)/kd-teach demo

test: $(READY) ## run the unit tests, then every notebook on a tiny budget, offline
	KD_TEACH_BUDGET=smoke KD_TEACH_PROGRESS=0 OMP_NUM_THREADS=1 \
		$(BIN)/pytest tests kd_teach notebooks -m "not slow" $(NBVAL) $(PARALLEL) $(PYTEST_ARGS)

test-slow: $(READY) ## run notebooks solved, and grade a class of cheating and clumsy pupils
	KD_TEACH_PROGRESS=0 OMP_NUM_THREADS=1 $(BIN)/pytest tests -m slow $(PARALLEL) $(PYTEST_ARGS)

test-unit: $(READY) ## run the unit tests only, without those that start a cluster, a grader or a kernel
	OMP_NUM_THREADS=1 $(BIN)/pytest tests kd_teach -m "not system and not slow" $(PARALLEL) $(PYTEST_ARGS)

# Hard links: PyTorch's gigabytes are not copied, and what pip replaces here stays in $(VENV).
test-lower-bounds: $(READY) ## run the unit tests with the oldest versions that pyproject.toml allows (PyTorch as it is)
	rm -rf $(OLDEST)
	cp -al $(VENV) $(OLDEST)
	$(BIN)/python tools/lower_bounds.py >$(OLDEST)/pins.txt
	$(OLDEST)/bin/python -m pip install --quiet --no-warn-conflicts -r $(OLDEST)/pins.txt
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest tests kd_teach -m "not system and not slow" $(PARALLEL) $(PYTEST_ARGS)

test-browser: $(READY) ## run notebooks and widgets in Chromium, if one is installed; screenshots in tests/browser/artefacts
	@$(BIN)/python -c "import playwright" 2>/dev/null || $(BIN)/pip install --quiet -e ".[browser]" \
		|| echo "playwright could not be installed: the tests will skip themselves"
	$(BIN)/pytest tests/browser $(PYTEST_ARGS)

lab: $(READY) ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: $(READY) ## run all notebooks again and save them with clean outputs
	$(BIN)/python tools/run_notebooks.py

lint: $(READY) ## check style, format, layering and types, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

format: $(READY) ## mend style and format of code and notebooks
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## time and weigh every loss against the forms commonly published, then one KD epoch (some minutes)
	$(BIN)/kd-teach bench

clean: ## remove caches and build products; .venv, data and runs stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
