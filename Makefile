# make app: set up and open the app.      make test: set up, lint and test.
# make lint: formats, rules and types.    make bench: measure speed.
# make docker: build the image and start the app in it, where docker is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIPS ?=

.PHONY: app test bench lint docker clean

app: $(VENV)/app.done
	$(BIN)/streamlit run app.py $(if $(CLIPS),-- --clips $(CLIPS))

test: lint
	@sh tests/browser/chromium.sh
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --ignore tests/browser $(ARGS)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/browser $(ARGS)

bench: $(VENV)/test.done
	$(BIN)/python -m tests.benchmarks

lint: $(VENV)/test.done
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@sh tests/javascript/check.sh
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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
		echo "OpenCV's window libraries are missing here: using opencv-python-headless of the same version instead"; \
		$(BIN)/python -m pip uninstall --quiet --yes opencv-python && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(sed -n 's/^opencv-python==/opencv-python-headless==/p' requirements.txt)"; }
	touch $@

$(VENV)/test.done: $(VENV)/app.done tests/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep -E '^[a-z]' tests/requirements.txt)
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache build *.egg-info
