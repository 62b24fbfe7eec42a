# Two commands do it all on a new machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SHARED ?= $(if $(KMGB_SHARED),$(KMGB_SHARED),../shared)
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check lock bench clean

demo: $(VENV)/base
	$(BIN)/kmgb demo --out kmgb-demo

test: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	KMGB_SHARED="$(SHARED)" $(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/dev
	$(BIN)/python bench/compare.py
	$(BIN)/python bench/explain.py
	$(BIN)/python bench/history.py

$(VENV)/python: 
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kmgb vraagt Python 3.11 of nieuwer; gebruik make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/base: $(VENV)/python requirements.lock pyproject.toml
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps -e .
	touch $@

$(VENV)/dev: $(VENV)/python requirements-dev.lock pyproject.toml
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps -e .
	touch $@ $(VENV)/base

# Pins what was tested, for every supported Python and platform.
lock: $(VENV)/dev
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements-dev.lock

clean:
	rm -rf $(VENV) kmgb-demo data uitvoer build dist
