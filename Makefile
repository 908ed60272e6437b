# Two commands matter: `make up` runs the product, `make test` proves it. Each sets up what it needs first.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Where it is set, every process that starts compiles the whole program anew: a third of a short command's time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install up test check bench lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "make %-8s %s\n", $$1, $$2}'

install: .venv/.installed ## make .venv from the lock

up: .venv/.installed ## set up and run: prints the one address to open
	$(BIN)/devops-chatbot up $(ARGS)

# A process for each core, up to four; one that has run out of tests takes over half of what another still has to do.
test: .venv/.tested-with ## set up and run every test (ARGS="-k word" narrows, ARGS="-n 0" takes one process)
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist worksteal $(ARGS)

check: .venv/.tested-with ## lint, types, floors
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.tested-with ## print the figures (CORPORA=folder names real corpora)
	$(BIN)/python -m bench $(ARGS)

COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q
lock: .venv/.tested-with ## resolve the dependencies anew
	$(COMPILE) pyproject.toml --no-emit-package torch --upgrade -o requirements.lock
	$(COMPILE) pyproject.toml --group dev --no-emit-package torch -o requirements-dev.lock
	echo '$(TORCH)' | $(COMPILE) - --no-config -c requirements.lock -o requirements-torch.lock
	grep -Eo '^uv==[0-9.]+' requirements-dev.lock | $(COMPILE) - --no-config --no-deps -o requirements-uv.lock
	echo '$(TORCH)' | $(COMPILE) - --no-config --no-deps --torch-backend cpu --upgrade -o requirements-torch-cpu.lock \
	    || echo "PyTorch's own index is out of reach: requirements-torch-cpu.lock stays as it is"

clean: ## remove what was installed
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv

# torch comes first and by itself, because its Linux wheel brings gigabytes of CUDA that a machine without a GPU cannot
# use. There a CPU build is taken: pip's, where it knows one, otherwise uv's, which knows where they are published.
TORCH := torch==2.13.0
HASHED := -q --require-hashes --no-deps -r
.venv/.torch: requirements-torch.lock requirements-torch-cpu.lock requirements-uv.lock .venv/bin/python
	@set -e; pip="$(BIN)/python -m pip"; \
	if [ "$$(uname -sm)" != "Linux x86_64" ] || command -v nvidia-smi >/dev/null; then \
	    $$pip install --no-compile $(HASHED) requirements-torch.lock; \
	elif ! $$pip install --no-compile $(HASHED) requirements-torch-cpu.lock 2>/dev/null; then \
	    $$pip install --no-compile $(HASHED) requirements-uv.lock; \
	    $(UV) pip install --python $(BIN)/python --torch-backend cpu $(HASHED) requirements-torch-cpu.lock; \
	fi
	@touch $@

# What only a model that a user names is run by, and tests of others, are a quarter of a gigabyte of bytecode: Python
# makes of it what is imported, when it is.
COMPILED_WHEN_USED := /(torch|torchgen|functorch|transformers|sentence_transformers|sklearn|scipy|sympy|networkx|mpmath)/|/tests?/

# The tests that these packages bring along: two hundred megabytes, most of them programs that test torch.
TESTS_OF := torch sympy scipy sklearn networkx numpy pandas pyarrow mpmath

.venv/.installed: requirements.lock pyproject.toml .venv/.torch
	@echo "Installing the locked packages (a minute or two) …"
	@$(BIN)/python -m pip install -q --no-compile --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install -q --no-deps -e .
	@cd .venv/lib/python3.*/site-packages; for package in $(TESTS_OF); do \
	    find $$package -depth -type d \( -name tests -o -name test \) -exec rm -rf {} +; done; \
	    find torch/bin -name '*[tT]est*' -delete 2>/dev/null || true
	@$(BIN)/python -m compileall -q -q -j 0 -x '$(COMPILED_WHEN_USED)' .venv/lib >/dev/null || true # tests of others may not compile
	@touch $@

.venv/.tested-with: requirements-dev.lock .venv/.installed
	@echo "Installing the locked packages (a minute or two) …"
	@$(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements-dev.lock
	@touch $@
