# `make demo` and `make test` set up everything they need; nothing else has to be run before.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev

export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test lint install lock clean

help:
	@echo "make demo   set up, run a small screen, write demo/report.html and demo/catalog.duckdb"
	@echo "make test   set up, check style and types, run all tests"
	@echo "make lock   write requirements.lock anew from what is installed"

# torch comes first and pinned: other packages ask for any torch, and the newest one is gigabytes of CUDA.
$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --progress-bar off $$(grep '^torch==' requirements.lock)
	$(BIN)/pip install -q --progress-bar off -c requirements.lock -e .
	touch $@

$(READY_DEV): $(READY)
	$(BIN)/pip install -q --progress-bar off -c requirements.lock -e '.[dev]'
	touch $@

install: $(READY)

demo: $(READY)
	@test -f demo/screen.toml || $(BIN)/screening init demo
	$(BIN)/screening run demo/screen.toml
	@echo
	$(BIN)/screening catalog sql demo/catalog.duckdb "select gene_a, range_a, gene_b, range_b, n_contacts, bound_fraction from hits order by bound_fraction desc nulls last limit 5"
	@echo "report: demo/report.html"

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache

test: lint
	$(BIN)/pytest -n 2 --dist worksteal -m "not ray and not screen"
	$(BIN)/pytest -m "ray or screen"

lock: $(READY_DEV)
	$(BIN)/pip freeze --exclude-editable > requirements.lock

clean:
	rm -rf demo build *.egg-info
