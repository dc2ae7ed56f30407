# Everything a newcomer needs: make demo, make test. Both do all the set-up themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
IN_TWO := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: help setup demo test lint bench protos clean
help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.setup-done  ## environment, dependencies, stubs, default models

$(VENV)/.setup-done: pyproject.toml constraints.txt deploy/setup.sh $(shell find protos -name '*.proto')
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh deploy/setup.sh
	@touch $@

demo: setup  ## a simulated rover follows a person along three edge servers
	@$(BIN)/tagalong sim corridor

test: setup  ## all tests: no robot, no GPU, no network past 127.0.0.1
	@$(BIN)/python -m pytest $(IN_TWO) -m "not (realtime or alone)"
	@$(BIN)/python -m pytest $(IN_TWO) -m realtime
	@$(BIN)/python -m pytest -m alone

lint: setup  ## format, style, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup  ## benchmarks: tracking, offloading
	@$(BIN)/python -m bench all

protos:  ## generate the gRPC stubs anew
	@$(BIN)/python protos/build.py

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache
