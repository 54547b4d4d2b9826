# The two commands of the README are `make demo` and `make test`; `make check` is what CI's author runs.
# Everything is installed into .venv from pyproject.toml, with the versions pinned in it ([tool.uv]
# constraint-dependencies): uv reads them there, and pip is given the same list.

PYTHON ?= python3
PYTHONS ?= 3.11 3.12 3.13
BIN := .venv/bin
# Byte code is made for what is imported, not for every module of scipy and pandas (benchmarks/size.py).
PIP_FLAGS := --quiet --disable-pip-version-check --no-compile
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
AUDIT := .venv/audit

.PHONY: demo test check format reference audit bench soak mutate-rules dist matrix lowest clean

demo: $(INSTALLED)
	@$(BIN)/kbtool demo

# A file is the unit: its tests share servers and a browser.
test: $(INSTALLED_DEV)
	$(BIN)/pytest -n auto --dist loadfile

check: $(INSTALLED_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --dist loadfile

format: $(INSTALLED_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# docs/reference: what tests/test_reference.py wants after a change of a command, a key or a variable.
reference: $(INSTALLED_DEV)
	$(BIN)/python -m docs.reference.write

# Known vulnerabilities in the pinned versions, by pip-audit in an environment of its own (deploy/audit.py): 3 where there
# are some, 4 where no advisory service could be asked about all of them.
audit: .venv/constraints.txt $(AUDIT)/.installed
	@$(PYTHON) -m deploy.audit $(AUDIT)/bin/pip-audit .venv/constraints.txt

# All comparisons of the documents, about an hour; an interrupted one goes on. BENCH=--short shows in some minutes that
# all of them work, BENCH=--readme puts the figures into the documents (python -m benchmarks --help).
bench: $(INSTALLED_DEV)
	$(BIN)/python -m benchmarks $(BENCH)

# The simulations of the verdict and of the threshold with 1,000 worlds a case: more than an hour. Then the bridge:
# 10,000 webhooks that are wrong, and it must take every one; killed 200 times on SQLite, and 50 times as one of
# two on a PostgreSQL.
soak: $(INSTALLED_DEV)
	KBTOOL_WORLDS=1000 $(BIN)/pytest -n auto -rP tests/test_simulation.py tests/test_threshold_worlds.py
	KBTOOL_PAYLOADS=10000 $(BIN)/pytest tests/rules/test_mutated.py
	KBTOOL_KILLS=200 $(BIN)/pytest -s tests/test_bridge_kill.py
	KBTOOL_RESTART_SECONDS=120 $(BIN)/pytest tests/test_restarts.py

# Takes each of the 30 rules out of the bridge in turn and shows its test failing: some minutes.
mutate-rules: $(INSTALLED_DEV)
	$(BIN)/python -m tests.rules.mutate

# The wheel and the sdist, in dist/ (docs/install.md).
dist: $(INSTALLED_DEV)
	$(BIN)/python -m hatchling build

# The tests on every Python that is promised, in environments of their own; one that is missing fails. PYTHONS=3.12 for
# one of them, TESTS='-n 0 tests/test_chunk.py' for a part.
TESTS ?= -n auto --dist loadfile
matrix: $(PYTHONS:%=matrix-%)

matrix-%: .venv/constraints.txt
	@python$* -c '' || { echo "python$* is not on this machine: install it, or PYTHONS='…' without it" >&2; exit 1; }
	@test -x .venv-$*/bin/python || python$* -m venv .venv-$*
	.venv-$*/bin/pip install $(PIP_FLAGS) -c $< -e '.[dev]'
	.venv-$*/bin/pytest $(TESTS)

# The tests with the oldest version that pyproject.toml admits of each dependency, on the oldest Python.
lowest:
	@python3.11 -c '' || { echo "python3.11 is not on this machine: install it" >&2; exit 1; }
	@test -x .venv-lowest/bin/python || python3.11 -m venv .venv-lowest
	python3.11 -m tests.lowest > .venv-lowest/constraints.txt
	.venv-lowest/bin/pip install $(PIP_FLAGS) -c .venv-lowest/constraints.txt -e '.[dev]'
	.venv-lowest/bin/pytest $(TESTS)

clean:
	rm -rf .venv .venv-* .kbtool build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/constraints.txt: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["tool"]["uv"]["constraint-dependencies"], sep="\n")' > $@

$(INSTALLED): .venv/constraints.txt
	@echo "Installing into .venv (once; a minute or two)…"
	@$(BIN)/pip install $(PIP_FLAGS) -c $< -e .
	@touch $@

$(INSTALLED_DEV): .venv/constraints.txt
	@echo "Installing into .venv with what the tests need (once; a minute or two)…"
	@$(BIN)/pip install $(PIP_FLAGS) -c $< -e '.[dev]'
	@touch $@ $(INSTALLED)

$(AUDIT)/.installed: .venv/constraints.txt
	@test -x $(AUDIT)/bin/python || $(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/pip install $(PIP_FLAGS) pip-audit
	@touch $@
