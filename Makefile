# Two commands matter: `make up` runs the product, `make test` proves it. Each sets up what it needs first.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help install up test check bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

install: .venv/.installed ## make .venv from the lock

up: .venv/.installed ## set up and run: prints the one address to open
	$(BIN)/devops-chatbot up $(ARGS)

test: .venv/.tested-with ## set up and run every test (ARGS="-k word" narrows)
	$(BIN)/python -m pytest $(ARGS)

check: .venv/.tested-with ## lint, types, floors
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.tested-with ## print the figures (CORPORA=folder names real corpora)
	$(BIN)/python -m bench $(ARGS)

lock: .venv/.tested-with ## resolve the dependencies anew
	$(UV) pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-package torch --no-header --no-annotate --upgrade -q -o requirements.lock
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-emit-package torch --no-header --no-annotate -q -o requirements-dev.lock

clean: ## remove what was installed
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

# torch comes first and by itself, because its Linux wheel brings gigabytes of CUDA that a machine without a GPU cannot
# use. There, unless pip already knows a CPU build, uv is asked for one: it knows where they are published.
TORCH := torch==2.13.0
.venv/.torch: .venv/bin/python
	@set -e; pip="$(BIN)/python -m pip"; \
	if [ "$$(uname -sm)" = "Linux x86_64" ] && ! command -v nvidia-smi >/dev/null \
	    && ! $$pip install -q --dry-run --no-deps --report - $(TORCH) 2>/dev/null | grep -q '+cpu'; then \
	    $$pip install -q uv==0.13.9 && $(UV) pip install -q --python $(BIN)/python --torch-backend cpu $(TORCH); \
	else $$pip install -q --no-compile $(TORCH); fi
	@touch $@

# What only a model that a user names is run by, and tests of others, are a quarter of a gigabyte of bytecode: Python
# makes of it what is imported, when it is.
COMPILED_WHEN_USED := /(torch|torchgen|functorch|transformers|sentence_transformers|sklearn|scipy|sympy|networkx|mpmath)/|/tests?/

.venv/.installed: requirements.lock pyproject.toml .venv/.torch
	@echo "Installing the locked packages (a minute or two) …"
	@$(BIN)/python -m pip install -q --no-compile --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps -e .
	@$(BIN)/python -m compileall -q -q -j 0 -x '$(COMPILED_WHEN_USED)' .venv/lib >/dev/null || true # tests of others may not compile
	@touch $@

.venv/.tested-with: requirements-dev.lock .venv/.installed
	@echo "Installing the locked packages (a minute or two) …"
	@$(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
