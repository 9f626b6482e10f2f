# make app: set up and open the app.      make test: set up, lint and test.
# make lint: formats, rules and types.    make long: the tests that take a core for long.
# make bench: measure speed.
# make docker: build the image and start the app in it, where docker is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIPS ?=
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest

.PHONY: app test long bench lint layout types javascript counts docker clean

app: $(VENV)/app.done
	$(BIN)/streamlit run app.py $(if $(CLIPS),-- --clips $(CLIPS))

# Chromium comes over the network while the checks, which need the processor, run.
test:
	@sh tests/browser/chromium.sh & $(MAKE) --jobs 2 --output-sync lint && wait $$!
	$(PYTEST) --numprocesses 2 --dist loadgroup --ignore tests/browser $(ARGS)
	$(PYTEST) --numprocesses 2 --dist loadfile tests/browser $(ARGS)

long: $(VENV)/test.done
	$(PYTEST) -m long $(ARGS)

bench: $(VENV)/test.done
	$(BIN)/python -m tests.benchmarks

lint: layout types javascript counts

layout: $(VENV)/test.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/test.done
	$(BIN)/mypy

javascript: $(VENV)/test.done
	@sh tests/javascript/check.sh

counts: $(VENV)/test.done
	$(BIN)/python -m tests.counts

docker:
	@if command -v docker >/dev/null 2>&1; then \
		docker build --tag attention-in-motion --build-arg PIP_EXTRA_INDEX_URL . && \
		docker run --rm --publish 8501:8501 attention-in-motion; \
	else \
		echo "docker is not here: no image is built"; \
	fi

$(VENV)/app.done: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, found " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "OpenCV's window libraries are missing here: using opencv-python-headless of the same version instead"; \
		$(BIN)/python -m pip uninstall --quiet --yes opencv-python && \
		$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check "$$(sed -n 's/^opencv-python==/opencv-python-headless==/p' requirements.txt)"; }
	touch $@

$(VENV)/test.done: $(VENV)/app.done tests/requirements.txt
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check $$(grep -E '^[a-z]' tests/requirements.txt)
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache build *.egg-info
