# Two commands for a fresh machine: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check documents images page clean

# A real photo in a real painting's style, with the weights of this repository.
demo: $(VENV)/library
	$(BIN)/adain stylize samples/content/castle.jpg --style samples/style/van-gogh-starry-night.jpg \
		--overwrite -o demo.png

test: $(VENV)/development
	$(BIN)/python -m pytest tests -n 2 --dist loadfile

# What CI runs besides the tests.
check: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	ln -sfn .. $(VENV)/pack  # mypy wants the folder's name to be one of a package
	$(BIN)/mypy $(VENV)/pack/nodes
	$(BIN)/python tools/structure.py

# What documents, help pages and translations take from the code.
documents: $(VENV)/development
	$(BIN)/python tools/documents.py
	$(BIN)/python tools/api.py
	$(BIN)/python tools/node_texts.py

# All images of the README, the help pages and the workflows, and the bundled styles: run it after
# changing the weights (ten minutes on two slow cores).
images: $(VENV)/development
	$(BIN)/python tools/images/styles.py
	$(BIN)/python tools/images/readme.py
	$(BIN)/python tools/images/icon.py
	$(BIN)/python tools/images/banner.py
	$(BIN)/python tools/images/help_pages.py
	$(BIN)/python tools/images/workflows.py

# The web page, in page/dist: needs npm, too. Any server of static files can serve it.
page: $(VENV)/export
	$(BIN)/python page/build.py

$(VENV)/library: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/development: pyproject.toml constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/library

$(VENV)/export: $(VENV)/library
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[export]'
	touch $@

clean:
	rm -rf $(VENV) page/dist page/node_modules
