# jupyterhub-edu: `make demo` and `make test` install whatever they need; the second run is quick.
# `make help` lists the targets. Environments are installed again when tools/environment-key changes.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The two supported lines of the hub. Tests and tools run in .venv; .venv-hub5 only runs hubs as processes.
HUB6 := jupyterhub>=6.1,<6.2
HUB5 := jupyterhub>=5.5,<5.6
export PYTHON
# A test run starts some eighty hubs and servers: compiled once, also where this is switched off.
unexport PYTHONDONTWRITEBYTECODE

# Programs of .venv come first on PATH, the hub's proxy among them.
WITH_PATH := PATH="$(CURDIR)/.venv/bin:$$PATH"
PYTEST := $(WITH_PATH) .venv/bin/python -m pytest
QUICK := HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-quick} $(PYTEST)
TYPES := .venv/bin/mypy jupyterhub_edu tests $(if $(wildcard benchmarks/*.py),benchmarks)
# A whole run is three at once: each waits for servers of its own about as long as it computes. The third is the rest.
SOURCE_TESTS := tests/unit tests/contract tests/kills tests/postgres tests/providers
HUB_TESTS := tests/hub tests/browser
SOURCES := $(wildcard jupyterhub_edu tests benchmarks docs docker deploy tools jupyterhub_config.py)

# Only targets that need an environment look for a Python, so that `make help` works everywhere.
KEY = $(eval KEY := $(shell python=$$(tools/find-python 2>/dev/null) && tools/environment-key "$$python"))$(KEY)
DEMO_READY = .venv/.ready-demo-$(KEY)
DEV_READY = .venv/.ready-dev-$(KEY)
HUB5_READY = .venv-hub5/.ready-$(KEY)

##@ For a first look

.PHONY: help
help: ## this list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo

.PHONY: demo
demo: ready-demo ## a hub with courses and pretend GPUs on this machine, no root needed
	@echo "-> Starting the hub; its address and log-ins follow. Ctrl-C ends it."
	@exec env $(WITH_PATH) .venv/bin/jupyterhub -f jupyterhub_config.py

.PHONY: demo-cluster
demo-cluster: ready-cluster ## the same on a real Kubernetes of its own (root)
	@echo "-> Starting a Kubernetes, then the hub on it. Ctrl-C ends both."
	@exec env $(WITH_PATH) .venv/bin/python -m tests.cluster demo

##@ For every change

.PHONY: check
check: format lint imports ready-dev ## format, lint, import contracts, types, unit tests (about a minute)
	@echo "-> Unit tests here; types and the sources' unit tests beside them (shown at the end)"
	@tools/side-by-side .cache/types '$(TYPES) && $(QUICK) tests/unit/identity tests/unit/docs' \
	  '$(QUICK) tests/unit --ignore=tests/unit/identity --ignore=tests/unit/docs'

.PHONY: fix
fix: ready-dev ## repair format and lint where a tool can
	@status=0; .venv/bin/ruff check --fix $(SOURCES) || status=$$?; \
	  .venv/bin/ruff format $(SOURCES); exit $$status

.PHONY: test
test: static docs ready-hub5 ready-cluster ready-providers ## everything, with real servers (root or sudo the first time)
ifdef ARGS
	@$(PYTEST) $(ARGS)
else
	@echo "-> All tests, in three runs at once: real servers here; units and sources, then hubs and browsers (shown at the end)"
	@tools/side-by-side .cache/tests '$(PYTEST) $(SOURCE_TESTS)' '$(PYTEST) $(HUB_TESTS)' \
	  '$(PYTEST) tests $(patsubst %,--ignore=%,$(SOURCE_TESTS) $(HUB_TESTS))'
endif

.PHONY: test-long
test-long: ready-dev ## property tests only, more than 1,000,000 steps (hours)
	@HYPOTHESIS_PROFILE=long $(PYTEST) -m hypothesis --timeout=0 tests/unit $(ARGS)

.PHONY: test-api
test-api: ready-dev ## any call of the API by six people, 90,000 of them (ten minutes)
	@HYPOTHESIS_PROFILE=long $(PYTEST) --timeout=0 -s tests/unit/desk/test_any_call.py

.PHONY: test-schedule
test-schedule: ready-dev ## windows and days in every time zone, at each change of its clock 2020-2040 (ten minutes)
	@HYPOTHESIS_PROFILE=long $(PYTEST) --timeout=0 tests/unit/domain/test_schedule_minutes.py

.PHONY: test-kills
test-kills: ready-dev ## kill a hub at every await and commit of a server's life, beside 1,000 pods (ten minutes)
	@HYPOTHESIS_PROFILE=long $(PYTEST) --timeout=0 -s tests/kills

.PHONY: docs
docs: ready-dev ## build the documentation; warnings are errors
	@tools/step "Building the documentation into docs/_build/html" \
	  .venv/bin/python -m sphinx --fail-on-warning --keep-going --jobs auto -b html docs docs/_build/html

.PHONY: tutorial
tutorial: ready-dev ## play a term in the demo, and take the pictures of the teachers' tutorial anew (two minutes)
	@TUTORIAL_ANEW=yes $(PYTEST) tests/browser/test_tutorial.py

.PHONY: words
words: ready-dev ## collect the words of pages for translators, and compile what they have written
	@.venv/bin/python tools/words.py collect
	@.venv/bin/python tools/words.py compile

.PHONY: bench
bench: ready-dev ## benchmarks, all or one: make bench NAME=decision
	@$(WITH_PATH) .venv/bin/python -m benchmarks $(NAME)

.PHONY: clean
clean: ## remove what checks, tests, docs and the demo left behind; keeps the environments
	rm -rf .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .grimp_cache
	rm -rf dist docs/_build
	find jupyterhub_edu tests benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

.PHONY: clean-all
clean-all: clean ## remove the environments as well
	rm -rf .venv .venv-hub5 .cache jupyterhub_edu/desk/static/lib

# --- the parts of `check`, each also on its own ---

.PHONY: static format lint types imports
static: format lint types imports

format: ready-dev
	@echo "-> Format"
	@.venv/bin/ruff format --check $(SOURCES)

lint: ready-dev
	@echo "-> Lint"
	@.venv/bin/ruff check $(SOURCES)

types: ready-dev
	@echo "-> Types"
	@$(TYPES)

imports: ready-dev
	@echo "-> Import contracts"
	@.venv/bin/lint-imports --no-cache --config setup.cfg

# --- what the targets need; stamps carry the key, so a changed requirement asks for a new one ---

# One installation at a time in one checkout.
INSTALL = mkdir -p .cache; flock .cache/install.lock $(MAKE)

.PHONY: ready-demo ready-dev ready-hub5 ready-cluster ready-providers debian-packages
ready-demo:
	@if [ ! -e $(DEMO_READY) ]; then $(INSTALL) $(DEMO_READY); fi
ready-dev: ready-demo
	@if [ ! -e $(DEV_READY) ]; then $(INSTALL) $(DEV_READY); fi
ready-hub5: ready-dev
	@if [ ! -e $(HUB5_READY) ]; then $(INSTALL) $(HUB5_READY); fi

.venv/.ready-demo-%:
	@tools/virtual-environment .venv demo '$(HUB6)'
	@tools/proxy/install .venv
	@rm -f .venv/.ready-* && touch $@

.venv/.ready-dev-%:
	@tools/virtual-environment .venv dev '$(HUB6)'
	@tools/step "Installing what looks at pages in tests (about 3 s)" .venv/bin/python tools/libraries/install.py .venv/libraries
	@touch $@

.venv-hub5/.ready-%:
	@tools/virtual-environment .venv-hub5 demo,postgresql '$(HUB5)'
	@tools/proxy/install .venv .venv-hub5
	@rm -f .venv-hub5/.ready-* && touch $@

debian-packages:
	@tools/debian-packages $(wildcard tests/packages.txt tests/*/packages.txt)

# Kubernetes and its notebook image are built once, outside pytest so that the progress shows.
# What cannot be built here is told again, with the reason, by the tests that need it.
ready-cluster: ready-dev debian-packages
	@.venv/bin/python -m tests.cluster build || true

# Keycloak likewise.
ready-providers: ready-dev debian-packages
	@.venv/bin/python -m tests.providers || true
