# Targets for developers and for CI. `make` without a target lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The address of the package index must not enter a lock file: it differs between machines.
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
# Tools of a release; they run in environments of their own and are no dependency of the project.
PIP_AUDIT := pip-audit@2.10.1
CYCLONEDX := cyclonedx-bom==7.5.0
# Settings of an editor or a shell must not change what is tested.
unexport PYTHONPATH PYTHONSTARTUP PYTEST_ADDOPTS

.PHONY: help
help: ## Show this list
	@printf 'Kinvite. Two commands do everything on a machine with Python 3.11+ and make: make up, make test.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: up
up: ## Install what is needed and run everything on this machine (KINVITE_PORT, KINVITE_DATA); Ctrl-C stops it
	@exec $(PYTHON) deploy/embedded/bootstrap.py

.PHONY: demo
demo: ## Run everything with a sample school and simulated parents (ARGS="--families 50 --seconds 30"); Ctrl-C stops it
	@exec $(PYTHON) deploy/embedded/bootstrap.py --demo $(ARGS)

.PHONY: test
test: tools ## Run every test; downloads Chromium, Kafka and npm packages where possible and lists what was skipped
	@$(BIN)/python -m tests.support.run_all

.PHONY: bench
bench: tools ## Measure speed and cost against the goals and against others (ARGS="--only g1,g3 --runs 3 --parents 2000")
	@$(BIN)/python -m bench $(ARGS)

.PHONY: faults
faults: tools ## Kill, stop, cut off and poison everything under load for about an hour (ARGS="--seed 7 --faults 300 --outages 0")
	@$(BIN)/python -m tests.faults.campaign $(ARGS)

.PHONY: mutants
mutants: tools ## Change the domain of each service in one place at a time; its unit tests must notice 85 % (ARGS="roster --count 50")
	@$(BIN)/python -m tests.support.mutants $(ARGS)

.PHONY: check
check: lint ## Lint, unit and contract tests: under a minute
	@$(BIN)/python -m pytest -q -n 2 tests/unit tests/contract

.PHONY: lint
lint: tools ## Style, types, direction of imports (changes nothing)
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo 'Run "make format".' >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports --no-logo 2>&1) || { printf '%s\n' "$$report"; exit 1; }

.PHONY: format
format: tools ## Format the code
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: migrate
migrate: tools ## Bring the schemas of all services up to date (reads the services' KINVITE_* settings and KINVITE_DATABASE_OWNER_URL)
	@for service in roster invitations notifier signup dashboard; do $(BIN)/python -m services.$$service migrate || exit 1; done

.PHONY: contracts
contracts: tools ## Write the JSON Schemas, examples and the AsyncAPI document from shared/contracts
	@$(BIN)/python -m shared.contracts.generate

.PHONY: docs
docs: tools ## Write docs/settings.md from the settings classes
	@$(BIN)/python -m deploy.cli.settings_page

.PHONY: pictures
pictures: tools ## Run the demo and take the screenshots of the documentation again, with Chromium
	@$(BIN)/python -m tests.support.pictures

.PHONY: lock
lock: tools ## Resolve the dependencies into both lock files again (ARGS=--upgrade for the newest versions)
	@$(COMPILE) --extra embedded --output-file requirements.lock $(ARGS) pyproject.toml
	@$(COMPILE) --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

.PHONY: audit
audit: tools ## Look up known vulnerabilities of every pinned package (pip-audit; needs the network)
	@$(BIN)/uvx $(PIP_AUDIT) --strict --disable-pip --require-hashes -r requirements.lock
	@$(BIN)/uvx $(PIP_AUDIT) --strict --disable-pip --require-hashes -r requirements-dev.lock

.PHONY: sbom
sbom: tools ## Write dist/sbom.cdx.json: every package of a release with version and hashes (CycloneDX)
	@mkdir -p dist
	@$(BIN)/uvx --from $(CYCLONEDX) cyclonedx-py requirements --pyproject pyproject.toml --spec-version 1.6 \
		--output-reproducible --output-file dist/sbom.cdx.json requirements.lock

.PHONY: release
release: audit sbom ## Check and build a release in dist/: wheel, source archive and SBOM
	@$(BIN)/uv build --quiet --out-dir dist

.PHONY: tools
tools:
	@$(PYTHON) deploy/embedded/bootstrap.py --only-install --dev
