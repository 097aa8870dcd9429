# make demo            the dashboard on the synthetic sample cohort, http://localhost:8501
# make demo DATA=DIR   the dashboard on your own folder of cases, or on an address such as s3://bucket/cohort
# make test            lint, types and the quick tests: core, pages, viewer in node, and one test in a browser
#                      (leaves out what is marked slow, long, or browser without smoke)
# make test-full       lint, types and every test that is not marked long, as continuous integration runs them
# make test-long       the tests that take minutes or more
# make docs            the documentation as a website, in site/
# make bench DATA=DIR  the figures of the README, measured here
# make soak DATA=DIR   25 visitors at once: seconds per page, page runs a second, memory; SOAK="--seconds 1800"
#                      SOAK="--signed-in" has them sign in as readers, behind nginx with two processes

PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin
QUICK := not slow and not long and (not browser or smoke)

.PHONY: demo lint test test-full test-long docs bench soak clean
.DELETE_ON_ERROR:

# A stamp is written last, so that an installation that was interrupted is done again.
$(VENV)/runtime: requirements.txt requirements-train.txt dashboard/requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed, this is %d.%d: set PYTHON=python3.12 or alike" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train]'
	touch $@

$(VENV)/dev: $(VENV)/runtime requirements-dev.txt requirements-auth.txt requirements-cluster.txt requirements-postgres.txt requirements-remote.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,dev]'
	touch $@

demo: $(VENV)/runtime
	$(if $(findstring ://,$(DATA)),$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[remote]')
	$(BIN)/python -m brainseg dashboard $(if $(DATA),"$(DATA)") --port $(PORT)

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "$(QUICK)" tests/unit tests/pages tests/js tests/browser

test-full: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-long: $(VENV)/dev
	$(BIN)/python -m pytest -m long --timeout=3600

docs: $(VENV)/dev
	$(BIN)/mkdocs build --strict

bench: $(VENV)/dev
	-$(BIN)/python benchmarks/index.py "$(DATA)"
	$(BIN)/python benchmarks/server.py "$(DATA)"
	$(BIN)/python benchmarks/viewer.py "$(DATA)" --steps 8
	-$(BIN)/python benchmarks/checks.py "$(DATA)"
	$(BIN)/python benchmarks/features.py "$(DATA)"
	$(BIN)/python benchmarks/monitor.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/evaluation.py "$(DATA)"
	$(BIN)/python benchmarks/prediction.py
	$(BIN)/python benchmarks/uncertainty.py "$(DATA)"
	$(BIN)/python benchmarks/out_of_distribution.py "$(DATA)"

soak: $(VENV)/dev
	$(BIN)/python benchmarks/soak.py "$(DATA)" $(SOAK)

clean:
	rm -rf $(VENV) build *.egg-info
