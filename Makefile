# The commands of this repository. CI runs the same ones, and `make` without a target lists them.

PYTHON ?= $(shell command -v python3.13 || command -v python3)
BIN := .venv/bin
LAB := .venv/.lab
COMPAT := .venv-compat/.ready
COMPAT_PYTHON ?= python3.12
READY := .venv/.ready
PLOTS := .venv/.plots
BENCHMARK := PYTHONPATH=.:layers/shared $(BIN)/python -W ignore -m benchmarks
# An environment of its own, because mutmut needs other versions of some packages. It finds all others in .venv.
MUTANTS := .mutants/venv/.ready
MUTANTS_BIN := .mutants/venv/bin
# Set-up runs on the byte code that Python and pip have, instead of compiling all of it again into an empty folder.
SETUP := env -u PYTHONPYCACHEPREFIX
INSTALL := $(SETUP) $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes
VERSION = $(shell sed -n 's/^__version__.*"\(.*\)"$$/\1/p' layers/shared/fleet53/__init__.py)
# One worker more than there are processors, because the end-to-end tests wait in real time. They come first: at the end of
# a run nothing would use the processors meanwhile.
WORKERS ?= $(shell $(BIN)/python -c 'import os; print(os.process_cpu_count() + 1)')
PYTEST = pytest --numprocesses=$(WORKERS) --dist=worksteal --durations=10
TESTS ?= tests/e2e tests/unit tests/functional tests/contract tests/template

export SAM_CLI_TELEMETRY := 0
# The functions' folders are uploaded unchanged, so Python keeps its byte code elsewhere (docs/decisions/0011).
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/byte-code
# Without byte code, every process of a test run would compile all that it imports, which takes it longer than to start.
unexport PYTHONDONTWRITEBYTECODE
# These targets do not call AWS, but boto3 requires a region. The others use the region of your environment.
demo lab test artifact coverage compare compat soak mutants screenshots recording check build bench: export AWS_DEFAULT_REGION ?= eu-west-1
# botocore, and so SAM, does not read AWS_REGION, which tools/audit.py and version 2 of the AWS CLI read first.
ifdef AWS_REGION
deploy live package: export AWS_DEFAULT_REGION := $(AWS_REGION)
endif

.PHONY: help demo lab audit status test artifact coverage compare compat soak mutants screenshots recording fix check build bench plots live deploy package
.DEFAULT_GOAL := help

help:  ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(LAB)  ## set up what is needed, then tell the story of two servers
	@$(BIN)/python -m lab.demo

lab: $(LAB)  ## leave the whole system running on this machine; Ctrl-C ends it
	@$(BIN)/python -m lab

ifneq ($(filter $(MAKECMDGOALS)$(STACK),audit status),)
$(error Which stack? Say it: make $(MAKECMDGOALS) STACK=fleet53)
endif

# make passes STACK and EVENT to the shell as environment variables, so quotes in them are safe here.
audit: $(READY)  ## ask a stack what is wrong; STACK=fleet53, optionally EVENT='{"repair": true}'
	@$(BIN)/python tools/audit.py "$$STACK" $${EVENT:+"$$EVENT"}

status: $(READY)  ## show on one screen how a stack is, the worst first; STACK=fleet53, optionally WATCH=30 (seconds)
	@$(BIN)/python -m tools.status "$$STACK" $${WATCH:+--watch "$$WATCH"}

test: $(READY)  ## set up what is needed, then run every test of the sources; or some: TESTS=tests/unit
	@$(BIN)/$(PYTEST) $(TESTS)

artifact: build  ## sam build, then test what was built under AWS's own runtime
	@$(BIN)/$(PYTEST) tests/artifact

# Measuring takes no longer than not measuring: docs/decisions/0010-coverage-is-measured-in-the-code.md. The gate is a command
# of its own, because SlipCover 1.1 prints nothing of pytest-xdist's workers where it also decides.
coverage: $(READY)  ## the same tests, and the gate on branch coverage
	@$(BIN)/slipcover --json --out .venv/coverage.json -m $(PYTEST) $(TESTS)
	@$(BIN)/slipcover --merge .venv/coverage.json --out .venv/coverage.json --fail-under 95

# CI never runs this: it needs npm, and the lab checks every request of every other test by the same rules.
compare: $(READY)  ## compare the lab's IAM with an independent evaluator; needs Node.js
	@npm --prefix tests/compare ci --silent
	@$(BIN)/pytest tests/compare

# CI never runs this: it installs half a gigabyte for Python 3.12, and a deployment takes minutes.
compat: build $(COMPAT)  ## sam deploy, a fleet in and out, and sam delete in LocalStack; needs Python 3.12
	@PYTHONPATH=.:layers/shared $(BIN)/python -m tests.compat

# CI runs only a few of its stories, in tests/functional/test_soak.py.
soak: $(READY)  ## random stories of a stack; prints what they covered; MINUTES=30
	@PYTHONPATH=.:layers/shared $(BIN)/python -m tests.soak --minutes $${MINUTES:-30}

# CI never runs this: it takes minutes. docs/mutants.md has a result, and what each option does.
mutants: $(MUTANTS)  ## mutation testing of planning/ and convergence/; OPTIONS="planning --sample 300 --seed 1"
	@$(MUTANTS_BIN)/python tools/mutants.py $(OPTIONS)

screenshots: $(READY)  ## renew the pictures of docs/images; needs Chromium
	@$(BIN)/pytest --quiet tests/e2e/test_widget_page.py -k pictures
	@cp artifacts/screenshots/widget-light.png artifacts/screenshots/widget-dark.png docs/images/

# The version of asciinema is the last one from PyPI. It cuts waits to two seconds.
recording: $(READY)  ## renew the recording of the demo in docs/images; needs Node.js
	@npm --prefix tools/recording ci --silent
	@$(BIN)/uv tool run --quiet --from asciinema==2.4.0 asciinema rec --quiet --overwrite --idle-time-limit 2 \
		--cols 84 --rows 26 --command "$(BIN)/python -m lab.demo" .venv/demo.cast </dev/null
	@tools/recording/node_modules/.bin/svg-term --in .venv/demo.cast --out docs/images/demo.svg --window --no-cursor

fix: $(READY)  ## format, and apply safe fixes (the only target that changes code)
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

check: $(READY)  ## format, lint, types, layers, template, requirements; changes nothing
	@echo "ruff" && $(BIN)/ruff format --check --quiet && $(BIN)/ruff check --quiet
	@echo "mypy" && $(BIN)/mypy --no-error-summary
	@echo "import-linter" && PYTHONPATH=.:layers/shared $(BIN)/lint-imports --no-cache --no-logo
	@echo "template" && $(BIN)/sam validate --lint && $(BIN)/cfn-lint examples/*.yaml
	@echo "requirements" && $(MAKE) --no-print-directory requirements-in-step

# Checks whether the installed packages satisfy each file, which needs no network. The environment contains exactly what
# requirements-dev.txt pins, so this finds a package that is missing there and a layer that pins another version.
.PHONY: requirements-in-step
requirements-in-step:
	@for file in requirements-dev.in requirements-lab.in layers/shared/requirements.in; do \
		$(BIN)/uv pip install --quiet --dry-run --no-index --requirement $$file || exit 1; \
	done
	@for file in requirements-dev.txt requirements-lab.txt layers/shared/requirements.txt; do \
		$(BIN)/uv pip install --quiet --dry-run --no-index --no-deps --requirement $$file || exit 1; \
	done
	@for file in requirements-plots.in requirements-plots.txt; do \
		[ ! -f $(PLOTS) ] || $(BIN)/uv pip install --quiet --dry-run --no-index --python .venv/plots --requirement $$file || exit 1; \
	done

build: $(READY)  ## sam build, then import every handler from what was built
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/sam build
	@$(BIN)/python tools/import_built.py

# CI never runs this: it takes minutes, and some of it depends on the machine. docs/benchmarks.md has the figures.
# What is in virtual time runs at the same time.
bench: build  ## bursts, admission and a quiet hour in virtual time; audits of large stacks; cold starts
	@printed=$$(mktemp) && { $(BENCHMARK).admission >$$printed & \
		$(BENCHMARK).bursts && $(BENCHMARK).steady && wait $$! && cat $$printed && rm $$printed; }
	@$(BENCHMARK).audits
	@$(BIN)/python -m tools.cold_start

# What draws is in an environment of its own, so that no other target waits for it.
plots: $(PLOTS)  ## draw docs/plots again from what make bench has measured (benchmarks/figures.json)
	@.venv/plots/bin/python -m benchmarks.plots

$(PLOTS): requirements-plots.txt $(LAB)
	@$(SETUP) "$(PYTHON)" -m venv .venv/plots
	@$(SETUP) .venv/plots/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement requirements-plots.txt
	@touch $@

ifeq ($(MAKECMDGOALS)$(ZONE),live)
$(error In which hosted zone may it write? Say it: make live ZONE=Z0123456789ABC)
endif

# CI never runs this: it needs credentials, and it creates what docs/aws.md says, in one of your hosted zones.
live: build  ## what AWS does on a real account, and what differs; ZONE=Z0123456789ABC
	@PYTHONPATH=layers/shared $(BIN)/python -m tests.live --zone-id "$$ZONE"

# make passes STACK, PARAMETERS and TAGS to the shell as environment variables, so SAM reads spaces, quotes and & in them as
# they are. samconfig.toml has the name of the stack if STACK is not given.
deploy: build  ## sam build and sam deploy; PARAMETERS="HostedZoneId=Z… RecordName=…" or PARAMETERS=file://….yaml; TAGS="team=dns"; STACK=fleet53
	@$(BIN)/sam deploy $${STACK:+--stack-name "$$STACK"} $${PARAMETERS:+--parameter-overrides "$$PARAMETERS"} $${TAGS:+--tags "$$TAGS"}

# One build serves arm64 and x86_64. A function's code must be in a bucket of the stack's own region.
package: build  ## sam build, then .aws-sam/fleet53.zip; with BUCKET=… also upload it and write .aws-sam/fleet53.yaml
	@$(BIN)/python tools/package.py
	@[ -z "$$BUCKET" ] || $(BIN)/sam package --s3-bucket "$$BUCKET" --s3-prefix "fleet53/$(VERSION)" \
		--template-file .aws-sam/fleet53/template.yaml --output-template-file .aws-sam/fleet53.yaml

$(LAB): requirements-lab.txt .python-version
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' || { \
		echo "fleet53 needs Python 3.13, but $(PYTHON) is $$("$(PYTHON)" -V 2>&1). Install 3.13, or name it: make PYTHON=/path/to/python3.13" >&2; \
		exit 1; }
	@echo "Setting up .venv (less than a minute, once) …"
	@$(SETUP) "$(PYTHON)" -m venv .venv
	@$(INSTALL) --requirement requirements-lab.txt
	@touch $@
	@echo "Ready."

$(READY): requirements-dev.txt $(LAB)
	@echo "Installing what checks and tests need (a minute, once) …"
	@$(INSTALL) --requirement requirements-dev.txt
	@touch $@
	@echo "Ready."

$(COMPAT): tests/compat/requirements.txt
	@"$(COMPAT_PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' || { \
		echo "LocalStack needs Python 3.12. Name it: make compat COMPAT_PYTHON=/path/to/python3.12" >&2; \
		exit 1; }
	@echo "Setting up .venv-compat (a few minutes, once) …"
	@$(SETUP) "$(COMPAT_PYTHON)" -m venv --clear .venv-compat
	@$(SETUP) .venv-compat/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement tests/compat/requirements.txt
	@touch $@
	@echo "Ready."

$(MUTANTS): requirements-mutants.txt $(READY)
	@echo "Installing what mutation testing needs (once) …"
	@$(SETUP) $(BIN)/python -m venv .mutants/venv
	@$(SETUP) $(MUTANTS_BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
		--requirement requirements-mutants.txt
	@site=$$($(MUTANTS_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$$site/fleet53.pth"
	@touch $@
