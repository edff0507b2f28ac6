# Two commands from a bare clone; each makes its own virtual environment.
#   make demo   set up, build the embedded digit classifier, prove it bit for bit
#   make test   set up, run the tests
#   make test-keras  the third-party QKeras and HGQ models, with a TensorFlow of their time
#   make coverage  the tests, and which branches they reach (half as long again)
#   make formal  set up, prove the blocks by model checking (a quarter of an hour; ONLY=PATTERN)
#   make demo-ecp5  the demo's model to a bitstream for a ULX3S 85F (three minutes)
#   make fuzz N=100    random networks through the Verilog (SEED=, MINUTES= instead of N=)
#   make fuzz-files MINUTES=10   damaged files through the command line (SEED=)
#   make bench  set up, measure against targets and peers (an hour; ONLY=PATTERN for a part)
PYTHON ?= python3
DEMO_VENV := .venv/demo
TEST_VENV := .venv/test
KERAS_VENV := .venv/keras
# A file on each processor, for what its tests share; in the order of tests/conftest.py.
PARALLEL := -n auto --dist loadfile --no-loadscope-reorder

.PHONY: coverage fuzz fuzz-files demo demo-ecp5 test test-keras formal lint bench clean

demo: $(DEMO_VENV)/ready
	$(DEMO_VENV)/bin/quantloom demo

demo-ecp5: $(DEMO_VENV)/ready
	$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[ecp5]'
	$(DEMO_VENV)/bin/quantloom generate gen/assets/digits.onnx -o quantloom-demo-ecp5 \
	    --board ulx3s-85f --cycles 1000 --clock 75
	$(DEMO_VENV)/bin/quantloom synth quantloom-demo-ecp5

test: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m pytest $(PARALLEL)

coverage: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m pytest $(PARALLEL) --cov --cov-report=term \
	    --cov-report=html:build/coverage

test-keras: $(KERAS_VENV)/ready
	$(KERAS_VENV)/bin/python -m pytest -W ignore tests/gen/hls4ml_backend/test_keras.py

formal: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m tests.formal --only '$(ONLY)'

lint: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/ruff check .
	mkdir -p build/types/quantloom
	ln -sfn $(CURDIR)/quantloom/__init__.py $(CURDIR)/quantloom/__main__.py \
	    $(CURDIR)/boards $(CURDIR)/gen $(CURDIR)/rtl_templates $(CURDIR)/sim build/types/quantloom/
	MYPYPATH=build/types $(TEST_VENV)/bin/mypy -p quantloom

fuzz: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m tests.fuzz networks --seed $(or $(SEED),0) \
	    $(if $(MINUTES),--minutes $(MINUTES),--count $(or $(N),100))

fuzz-files: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m tests.fuzz files --seed $(or $(SEED),0) --minutes $(or $(MINUTES),10)

bench: $(TEST_VENV)/ready
	$(TEST_VENV)/bin/python -m bench --only '$(ONLY)'

$(DEMO_VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(TEST_VENV)/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed")'
	$(PYTHON) -m venv $(TEST_VENV)
	$(TEST_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev,hgq,brevitas,ecp5,explore]' torch==2.13.0
	touch $@

$(KERAS_VENV)/ready: pyproject.toml tests/keras.txt
	$(PYTHON) -m venv $(KERAS_VENV)
	$(KERAS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/keras.txt
	$(KERAS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e . \
	    HGQ==0.2.6
	touch $@

clean:
	rm -rf .venv build *.egg-info
