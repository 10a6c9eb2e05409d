# make setup | demo | test | test-opencv4 | gpu | fuzz | lint | docs | clean
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: setup demo test test-opencv4 gpu fuzz lint docs clean

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -r requirements-dev.txt
	touch $@

demo: setup
	$(BIN)/python -m experiments demo

test: setup lint
	$(BIN)/python -m pytest -n auto

# The quick tests of what calls OpenCV once more on its other major, laid over the same environment.
test-opencv4: setup
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target .opencv4 'opencv-python>=4.10,<5'
	PYTHONPATH=.opencv4 $(BIN)/python -m pytest -n auto -m "not slow" --expect-opencv 4 tests/data tests/tracker \
		tests/experiments/benchmark tests/experiments/drawing tests/experiments/report tests/experiments/serve \
		tests/experiments/track tests/experiments/trackers

# 10,000 damaged files, command lines and configs each, kills, 100,000 frames: a quarter of an hour of one core.
fuzz: setup
	FUZZ_INPUTS=10000 $(BIN)/python -m pytest -n auto tests/robustness

# What a machine with a GPU can do, in eight minutes; needs none of the set-up, but torch and a few common packages.
gpu:
	$(PYTHON) -m experiments.speed --output runs/gpu

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The API reference, from the docstrings. Every module by name: a face's __all__ would hide the modules behind it; and
# all names at once, for pdoc sees none that would be imported when it is asked for.
# Where there is no __all__ pdoc finds them twice; every other warning is an error.
docs: setup
	rm -rf build/docs
	EAGER_IMPORT=1 $(BIN)/python -W error::UserWarning -W "ignore:The module specification:UserWarning" -m pdoc \
		--docformat google --no-show-source -o build/docs \
		$$(git ls-files 'data/*.py' 'experiments/*.py' 'losses/*.py' 'tracker/*.py' | \
		sed -e '/__main__/d' -e 's/.py$$//' -e 's,/__init__$$,,' -e 's,/,.,g')

clean:
	rm -rf $(VENV) build .opencv4 .pytest_cache .mypy_cache .ruff_cache
