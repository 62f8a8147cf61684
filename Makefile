# modelmake: make for models. `make` explains itself, `make all` does everything.

RUNNER ?= ## docker (in the pinned image) or host (in .venv, from the same lock); unset: docker where an engine answers
MLFLOW_TRACKING_URI ?= ## an MLflow server of yours; unset: the one that `make up` starts
MLFLOW_PORT ?= ## that one's port on localhost; unset: the port that it has, or 5000
AUTH ?= ## 1 gives that one a login at `make up`, 0 takes it away
TLS ?= ## 1 gives it TLS there, with .mlflow/tls.crt and tls.key or a certificate of its own; 0 takes it away
EVENT ?= ## the event that `make act` replays: push (unset), pull_request, schedule or workflow_dispatch
JOB ?= ## the job that it replays, with those that it needs; unset: all
ACT_REF ?= ## the commit that it replays, or worktree for the tree as it lies; unset: HEAD
ACT_TRACKING ?= ## local lets it log to the server of `make up`; unset: to a scratch server of its own
FROM ?= ## the backup that `make restore` and `make verify-backup` read
TO ?= ## the one that `make backup` writes; unset: backups/ and the time
KEY ?= ## the file with the key that encrypts them, made by the first backup; unset: they are not encrypted
RUN_ID ?= ## the run to evaluate, register or reproduce, where build/ holds no receipt of it (or MLFLOW_RUN_ID)
VERSION ?= ## the version to promote or reproduce; unset: the one at @staging, the last run
FORCE ?= ## 1 runs the named targets even if nothing has changed; takes the lock of a promotion that died; lets `make gc` remove
ARGS ?= ## options of pytest or act themselves: make test ARGS='-k gate -x'
REASON ?= ## why this run, promotion or rollback; kept with it
FOLLOW ?= ## 1 lets `make logs` go on until Ctrl-C
UPGRADE ?= ## 1 lets `make lock` take the newest versions
IMAGE_REPO ?= ## the image's name before its tag; unset: ghcr.io/<owner>/<repository> where GitHub is the origin, else modelmake
PYTHON ?= ## the Python (3.11 to 3.13) that .venv is made from; unset: the newest on the PATH


include docker/runner.mk
include docker/stages.mk

## Everything

.PHONY: all
all: build/summary.txt ## lint, test, train, evaluate and register, with a summary
	@$(call fresh,register)
	@cat build/summary.txt

build/summary.txt: build/lint.done build/test.done build/register.done | $(environment)
	@$(RUN) python -m scripts summary

.PHONY: why
why: build/lint.inputs build/test.inputs build/owntest.inputs $(CHAIN:%=build/%.inputs) ## which stage would run, and because of which input
	@$(RUN) python -m scripts why

.PHONY: help
help: ## this page
	@awk -f docker/host/help.awk Makefile

## Code

.PHONY: lint
lint: build/lint.done ## every linter and the type checker, no network; writes nothing
	@$(fresh)

.PHONY: format
format: $(environment) ## format the code, and fix what the linters can fix
	@$(RUN) docker/host/format.sh

.PHONY: test
test: build/test.done build/owntest.done ## all tests but those that drive an engine; yours (tests/test_*.py) run alone if only your files changed
	@$(fresh)

.PHONY: test-stack
test-stack: $(environment) .venv/lock.txt ## the tests that drive make, docker, compose and act as a user does
	@$(with_engine) docker/host/stack.sh

## Model

.PHONY: train
train: build/$(last).done ## fit the estimator, log it to MLflow
	@$(call fresh,$(last))

.PHONY: evaluate
evaluate: build/$(last).done ## score the model on held-out rows, and ask the gate
	@$(call fresh,$(last))

.PHONY: register
register: build/$(last).done ## give the model a version and an alias, if the gate passes it
	@$(call fresh,$(last))

.PHONY: reproduce
reproduce: $(environment) ## train RUN_ID or VERSION again from its commit, and compare bit for bit
	@docker/replay/reproduce.sh $(RUN)

## Registry

.PHONY: promote
promote: $(environment) ## make the version at @staging, or VERSION, the champion
	@$(RUN) python -m scripts promote

.PHONY: rollback
rollback: $(environment) ## give @champion back to the version before
	@$(RUN) python -m scripts rollback

.PHONY: history
history: $(environment) ## who moved @champion, when and why
	@$(RUN) python -m scripts history

.PHONY: registry
registry: $(environment) ## every version with its aliases, verdict and metrics
	@$(RUN) python -m scripts registry

## Server

.PHONY: up
up: $(environment) ## start the MLflow server on localhost; one of yours has to answer
	@$(if $(tracking),$(RUN) python -m scripts up,$(server) up)

.PHONY: down
down: ## stop it; runs and models stay
	@$(server) down

.PHONY: logs
logs: ## what it says
	@$(server) logs

.PHONY: backup
backup: ## keep its runs, models and artifacts in one archive
	@docker/server/state.sh backup "$$MODELMAKE_TO"

.PHONY: restore
restore: ## put them back from there
	@docker/server/state.sh restore "$$MODELMAKE_FROM"

.PHONY: verify-backup
verify-backup: ## start a scratch server on a backup, and see that it shows all that was kept
	@$(with_engine) docker/server/state.sh verify-backup "$$MODELMAKE_FROM"

.PHONY: gc
gc: ## list what is deleted and orphaned; FORCE=1 removes it, but nothing that a version needs
	@$(with_engine) docker/server/state.sh gc

## GitHub

.PHONY: act
act: ## replay the GitHub workflow, offline
	@$(with_engine) docker/replay/act.sh

.PHONY: parity
parity: ## prove that a direct run and a replay give the same bits
	@$(with_engine) docker/replay/parity.sh

.PHONY: comment
comment: $(environment) ## post the report on the pull request, from its workflow
	@$(RUN) python -m scripts comment

## Environment

.PHONY: image
image: ## build the pinned image, where it is not there yet
	@docker/image/image.sh build

.PHONY: base
base: ## build a stand-in for the pinned base image from Debian packages
	@docker/image/base.sh

.PHONY: engine
engine: ## give a bare Debian or Ubuntu a Docker engine with compose and buildx (root)
	@docker/host/engine.sh

.PHONY: lock
lock: $(environment) ## bring docker/requirements.txt up to pyproject.toml
	@$(RUN) docker/host/lock.sh
	@mv build/requirements.txt docker/requirements.txt

.PHONY: sbom
sbom: $(environment) ## what the image holds, as CycloneDX: build/sbom.json
	@$(RUN) python -m scripts sbom

.PHONY: audit
audit: $(environment) ## ask for known vulnerabilities of every package of the lock
	@$(RUN) python -m scripts audit

.PHONY: shell
shell: $(environment) ## a shell where the stages run
	@$(RUN) bash

.PHONY: bundle
bundle: ## image, sources and lock as one file, for a machine without a network
	@$(with_engine) docker/replay/bundle.sh

.PHONY: doctor
doctor: ## what is here, what is missing, how to mend it
	@docker/host/doctor.sh

.PHONY: clean
clean: ## remove build/; the next `make all` starts afresh
	@echo "▸ clean · removing build/" && rm -rf build

.PHONY: distclean
distclean: clean ## remove .venv, and the server with all of its runs and models, as well
	@$(if $(server),$(server) purge)
	@echo "▸ distclean · removing .venv and .mlflow" && rm -rf .venv .mlflow

## Measures

.PHONY: bench
bench: $(environment) .venv/lock.txt ## measure, as ratios from one run (docs/benchmarks.md has the method)
	@.venv/bin/python -m scripts bench

.PHONY: chaos
chaos: $(environment) .venv/lock.txt ## load and faults: what becomes of the server's state (docs/reliability.md)
	@$(with_engine) .venv/bin/python -m scripts chaos
