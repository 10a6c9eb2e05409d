# make setup | demo | test | test-opencv4 | fuzz | lint | clean
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: setup demo test test-opencv4 fuzz lint clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -r requirements-dev.txt
	touch $@

demo: setup
	$(BIN)/python -m experiments demo

test: setup lint
	$(BIN)/python -m pytest -n auto

# The quick tests once more on the other OpenCV major, laid over the same environment.
test-opencv4: setup
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .opencv4 'opencv-python>=4.10,<5'
	PYTHONPATH=.opencv4 $(BIN)/python -m pytest -n auto -m "not slow" --expect-opencv 4

# Every reader on 10,000 damaged files.
fuzz: setup
	FUZZ_INPUTS=10000 $(BIN)/python -m pytest -n auto tests/robustness

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) .opencv4 .pytest_cache .mypy_cache .ruff_cache
