# Two commands matter: `make demo` and `make test`. Each creates the environment it needs.
PYTHON ?= python3
OLDEST ?= python3.11
NEWEST ?= $(shell for p in python3.14 python3.13 python3.12; do $$p -c '' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Linting needs no torch: where .venv is not installed, it uses a smaller environment of its own.
LINT := $(if $(wildcard $(STAMP)),$(VENV),.venv-lint)

.PHONY: qgis-plugin dist demo fmt lint imports test test-all test-oldest test-newest constraints docs bench clean

# $(call install,PYTHON,FOLDER,ARGUMENTS OF PIP INSTALL)
# pip compiles with one core, after it has installed everything; compileall takes all cores. A template that is
# no Python is skipped.
define install
$(1) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "geoseg needs Python 3.11 or newer; say make PYTHON=python3.12")'
$(1) -m venv $(2)
$(2)/bin/python -m pip install --quiet --upgrade "pip>=25.1"
$(2)/bin/python -m pip install --quiet --no-compile $(3)
$(2)/bin/python -m compileall -qq -j 0 $(2)/lib || true
touch $(2)/.installed
endef

# Compiled once, as pip compiles what it installs: else each start does where PYTHONDONTWRITEBYTECODE is set.
$(STAMP): pyproject.toml
	$(call install,$(PYTHON),$(VENV),-e . --group dev)
	$(BIN)/python -m compileall -q geoseg cli

.venv-lint/.installed: pyproject.toml
	$(call install,$(PYTHON),.venv-lint,-e . --group lint)

.venv-oldest/.installed: pyproject.toml constraints/oldest.txt
	$(call install,$(OLDEST),.venv-oldest,-e . --group test -c constraints/oldest.txt)

.venv-newest/.installed: pyproject.toml
	$(call install,$(NEWEST),.venv-newest,-e . --group test --only-binary :all:)

demo: $(STAMP)
	$(BIN)/geoseg demo demo-output --overwrite

# dist/geoseg_provider.zip, which QGIS installs: Plugins > Manage and Install Plugins > Install from ZIP
qgis-plugin: $(STAMP)
	$(BIN)/python qgis/make_plugin.py dist/geoseg_provider.zip

.venv-dist/.installed: pyproject.toml
	$(call install,$(PYTHON),.venv-dist,--group dist)

# dist/: source distribution, wheel and QGIS plugin as a release publishes them; the metadata are checked.
dist: .venv-dist/.installed $(STAMP)
	rm -rf dist
	.venv-dist/bin/python -m build
	.venv-dist/bin/python -m twine check --strict dist/*
	$(MAKE) qgis-plugin

fmt: $(LINT)/.installed
	$(LINT)/bin/ruff check --fix .
	$(LINT)/bin/ruff format .

lint: $(LINT)/.installed imports
	$(LINT)/bin/ruff check .
	$(LINT)/bin/ruff format --check .
	$(LINT)/bin/mypy

# import-linter reads folders, so the package is laid out by links as it is when installed.
imports: $(LINT)/.installed
	rm -rf build/imports && mkdir -p build/imports/geoseg
	ln -s $(CURDIR)/geoseg/* $(CURDIR)/cli $(CURDIR)/models $(CURDIR)/configs build/imports/geoseg/
	ln -s $(CURDIR)/pyproject.toml build/imports/
	cd build/imports && $(CURDIR)/$(LINT)/bin/lint-imports --no-cache

test: $(STAMP)
	$(MAKE) lint
	$(BIN)/pytest -n auto -m "not slow"

test-all: $(STAMP)
	$(MAKE) lint
	$(BIN)/pytest -n auto --cov --cov-report=term-missing:skip-covered
	$(MAKE) test-oldest test-newest

# Old packages warn of what newer ones changed, so warnings are no errors here.
test-oldest:
	@if $(OLDEST) -c '' 2>/dev/null; then \
	  $(MAKE) .venv-oldest/.installed && .venv-oldest/bin/pytest -n auto -m "not slow" -W default; \
	else echo "test-oldest: skipped, $(OLDEST) does not run; say make test-oldest OLDEST=/path/to/python3.11"; fi

test-newest:
	@if [ -z "$(NEWEST)" ]; then \
	  echo "test-newest: skipped, no newer Python is on the path; say make test-newest NEWEST=/path/to/python"; \
	elif ! $(MAKE) .venv-newest/.installed; then \
	  echo "test-newest: skipped, not every dependency can be installed for $(NEWEST)"; \
	else .venv-newest/bin/pytest -n auto -m "not slow"; fi

constraints:
	$(PYTHON) constraints/oldest.py > constraints/oldest.txt

docs: $(STAMP)
	$(BIN)/python docs/method_tables.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python docs/site.py

bench: $(STAMP)
	$(BIN)/python bench/run.py

clean:
	rm -rf .venv .venv-dist .venv-lint .venv-oldest .venv-newest build dist *.egg-info demo-output
