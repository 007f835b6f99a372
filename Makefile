# Two commands for a fresh machine: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check clean

# A real photo in a real painting's style, with the weights of this repository.
demo: $(VENV)/library
	$(BIN)/adain stylize samples/content/castle.jpg --style samples/style/van-gogh-starry-night.jpg \
		--overwrite -o demo.png

test: $(VENV)/development
	$(BIN)/python -m pytest tests

# What CI runs besides the tests.
check: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/library: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/development: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/library

clean:
	rm -rf $(VENV)
