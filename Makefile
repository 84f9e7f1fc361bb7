# What a checkout can do, with nothing beforehand but Python (3.11 or newer) and make.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-full clean

help: ## this list
	@grep -E '^[a-z-]+:.* ## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.* ## /\t/' | expand -t 12

demo: $(INSTALLED) ## compare teacher, students and LoRA on the embedded comments (some minutes, no network)
	$(VENV)/bin/retort compare

test: $(INSTALLED) ## the whole check: ruff, mypy, import-linter, pytest
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/python -m pytest -n auto --dist loadfile

bench: $(INSTALLED) ## speed side by side with the usual way, at a quarter of the sizes (about 20 minutes on two idle cores)
	$(VENV)/bin/python -m benchmarks.table

bench-full: $(INSTALLED) ## the same at full size; RETORT_REAL_DATA names the folder of real comments
	$(VENV)/bin/python -m benchmarks.table --full

clean: ## remove the virtual environment and all caches, but no run
	rm -rf $(VENV) dist .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything the project can use, in the versions it was checked with.
$(INSTALLED): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: no $(PYTHON) found; name Python 3.11 or newer, as in: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1 | head -n 1), Retort needs 3.11 or newer; name another, as in: make demo PYTHON=python3.12" >&2; exit 1; }
	@echo 'Installing into $(VENV) (some minutes the first time) ...' >&2
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[all,dev]'
	@touch $@
