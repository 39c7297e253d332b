# Every target does its own set-up: `make demo` and `make test` work on a machine with nothing but Python 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
OUT ?= out/demo
DEMO ?=
PYTEST ?=
STUDY ?= ood_defocus
SIZE ?= small
STUDIES ?= out/studies
BENCH ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -q -c constraints.txt
RUN := $(VENV)/.passband-run
DEV := $(VENV)/.passband-dev
DOCS := $(VENV)/.passband-docs

.DEFAULT_GOAL := help
.PHONY: help demo study test gates docs bench clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(RUN)  ## simulate, train, measure, segment; prints the path of an HTML report (DEMO="--micrograph FILE" segments yours)
	$(BIN)/passband demo -o $(OUT) $(DEMO)

# A study is a campaign and its report; the studies share their exit waves. Killed, the same command goes on.
study: PLAN = studies/$(STUDY)/plan$(if $(filter small,$(SIZE)),_small).toml
study: $(RUN)  ## run a study and write its report (STUDY=ood_defocus, ood_aberrations …; SIZE=paper for the size of the paper)
	$(BIN)/passband campaign run $(PLAN) -o $(STUDIES)/$(STUDY) --stores $(STUDIES)/stores --workers $(JOBS)
	$(BIN)/python -m studies.$(STUDY).report $(STUDIES)/$(STUDY) --plan $(PLAN) -o studies/$(STUDY)

test: $(DEV)  ## run the whole test suite (PYTEST="tests/commands -x" for a part of it)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) $(PYTEST)

gates: $(DEV)  ## style, types, imports, dead code, doubles and sizes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture
	@found=$$($(BIN)/symilar -d 6 --ignore-comments --ignore-docstrings --ignore-imports --ignore-signatures \
	  $$(find src studies benchmarks -name '*.py' | sort)); \
	  echo "$$found" | tail -1; case "$$found" in *duplicates=0*) ;; *) echo "$$found" >&2; exit 1 ;; esac
	$(BIN)/python .ci/structure.py

docs: $(DOCS)  ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: $(DEV)  ## run the benchmarks and remake benchmarks/RESULTS.md (BENCH="waves real_gold" for some of them)
	$(BIN)/python benchmarks/remake.py $(BENCH)

clean:  ## remove the virtual environments and everything built
	rm -rf $(VENV) .ci-venv* docs/_build docs/gallery docs/studies docs/benchmarks.md docs/command_options.md docs/plan_keys.md docs/reference docs/images/generated docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# The stamps are newer than pyproject.toml and constraints.txt when nothing has to be installed.
$(RUN): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11, which passband needs; write make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "error: $(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 2; }
	@echo "setting up $(VENV) (once; a few minutes)"
	$(PIP) torch
	$(PIP) -e .
	@touch $@

$(DEV): $(RUN)
	$(PIP) -e '.[dev,sam,sam-onnx]'
	@touch $@

$(DOCS): $(RUN)
	$(PIP) -e '.[docs]'
	@touch $@
