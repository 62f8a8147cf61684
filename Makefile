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

# The caller's environment is not our configuration. What stands above without MLFLOW_ before it counts on make's command
# line, and in the environment as MODELMAKE_<NAME>, by which it is handed on; docker/environment.sh has all that is read.
SHELL := docker/shell
letters := $(filter-out -%,$(firstword $(MAKEFLAGS)))
$(if $(findstring =,$(letters)),,$(if $(findstring e,$(letters)),$(error make -e: the environment would override the Makefile (leave -e out))))
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
goals := $(or $(MAKECMDGOALS),help)
settings := $(shell sed -n 's/^settings="\(.*\)"/\1/p' docker/environment.sh)
given = $(if $(filter command,$(firstword $(origin $1))),$($1),$(value MODELMAKE_$1))
ignored := $(strip $(foreach name,$(settings),$(if $(filter environment,$(firstword $(origin $(name)))),$(name))))
$(foreach name,$(settings),$(if $(filter command,$(firstword $(origin $(name)))),$(eval MODELMAKE_$(name) = $$($(name)))))

# The one reader of switches: 1 for a yes, 0 or nothing for a no.
yes := 1 true True TRUE yes Yes YES
no := 0 false False FALSE no No NO
switch = $(if $(filter $(yes),$2),1,$(if $(filter-out $(no),$2),$(error $1=$2: neither a yes nor a no (1, true or yes; 0, false, no or empty))))
$(foreach name,FORCE FOLLOW UPGRADE,$(eval MODELMAKE_$(name) := $(call switch,$(name),$(call given,$(name)))))
$(foreach name,AUTH TLS,$(eval MODELMAKE_$(name) := $(or $(call switch,$(name),$(call given,$(name))),$(if $(call given,$(name)),0))))
override CI := $(call switch,CI,$(value CI))
export CI $(settings:%=MODELMAKE_%)

# One choice of runner; after it every recipe is the same line with $(RUN) in front.
engine :=
environment :=
server :=
inside := $(wildcard /etc/modelmake)
runner := $(if $(inside),image,$(strip $(call given,RUNNER)))
ifneq ($(filter-out help clean doctor engine base,$(goals)),)
  engine := $(if $(filter image host,$(runner)),,$(shell docker version -f '{{.Server.Version}}' 2>/dev/null))
endif
why_runner := $(if $(inside),in the image already,$(if $(runner),as RUNNER says))
runner := $(or $(runner),$(if $(engine),docker,host))
MODELMAKE_RUNNER := $(runner)
ifeq ($(runner),image)
  RUN :=
else ifeq ($(runner),docker)
  RUN = docker/run.sh $(access)
  environment := image
  server := docker/compose.sh
  why_runner := engine $(engine) answers; image $(shell docker/image.sh describe)
else ifeq ($(runner),host)
  RUN = env PATH="$(CURDIR)/.venv/bin:$$PATH"
  environment := .venv/lock.txt
  server := docker/embedded.sh
  why_runner := $(or $(why_runner),no Docker engine answers), .venv from the same lock
else
  $(error RUNNER=$(runner): unknown (docker or host))
endif
ifneq ($(filter-out help clean distclean doctor engine base up down logs why,$(goals)),)
  $(if $(filter docker,$(runner)),$(if $(engine),,$(error RUNNER=docker: no Docker engine answers (start it, or install one: make engine))))
  $(info runner: $(runner) ($(why_runner)))
  $(if $(ignored),$(info note: not read from the environment: $(ignored) (write it behind make, or set MODELMAKE_…)))
endif
tracking := $(if $(filter image,$(runner)),given,$(strip $(value MLFLOW_TRACKING_URI)))
with_engine = $(if $(filter docker,$(runner)),,$(error $@: needs a Docker engine, outside of the image (make doctor)))

# What each stage reads, beside pipeline.toml, the data, the lock and the user's own Python (scripts/inputs.sh).
# tests/test_house.py keeps these lists true.
parts = $(patsubst %,scripts/pipeline/%.py,$(1)) scripts/__main__.py
train_inputs := scripts/train.py $(call parts,errors settings address connection config provenance data model tracking logged_model receipt)
evaluate_inputs := scripts/evaluate.py scripts/pipeline/report.html scripts/pipeline/report.md $(call parts,errors settings address connection config provenance data model ranking metrics intervals gate profile plots report tracking lock logged_model registry evidence receipt)
register_inputs := scripts/register.py $(call parts,errors settings address connection config provenance model ranking metrics intervals gate tracking lock logged_model registry receipt)

# A stage's predecessor, unless the caller names a run in its place.
before = $(if $(call given,RUN_ID)$(value MLFLOW_RUN_ID),$(filter $(patsubst %,build/%.json,$(goals)),$(1)),$(1))
# FORCE=1 is for the targets that were named; ARGS asks for a run too.
forced := $(if $(MODELMAKE_FORCE)$(call given,ARGS),$(if $(filter all,$(goals)),lint test train evaluate register,$(goals)))
$(patsubst %,build/%.json,$(forced)): FORCE

stage = $(foreach name,$(1),$(eval $(name).ran := 1))echo "▸ $(firstword $(1))"; $(RUN) python -m scripts $(1)
up_to_date = $(if $($@.ran),:,echo "$@: up to date (FORCE=1 runs it anyway)")

.PHONY: help
help: ## this page
	@awk -f scripts/help.awk Makefile

.PHONY: all
all: build/summary.txt ## lint, test, train, evaluate, register, and say what came of it
	@$(if $(summary.ran),:,echo "all: up to date (FORCE=1 runs it anyway)")
	@cat build/summary.txt

# In `all` a model is trained only once the code has passed, also with -j.
ifneq ($(filter all,$(goals)),)
build/train.json: | build/lint.json build/test.json
override RUN_ID :=
override MODELMAKE_RUN_ID :=
override MLFLOW_RUN_ID :=
unexport MLFLOW_RUN_ID
endif

.PHONY: lint
lint: build/lint.json ## every linter, no network; writes nothing
	@$(up_to_date)

.PHONY: format
format: $(environment) ## let ruff put the code in order
	@$(RUN) scripts/format.sh

.PHONY: test
test: build/test.json ## all tests but those that drive an engine
	@$(up_to_date)

.PHONY: test-stack
test-stack: $(environment) .venv/lock.txt ## the tests that drive make, docker, compose and act as a user does
	@$(with_engine) docker/stack.sh

.PHONY: train
train: build/train.json ## fit the estimator, log it to MLflow
	@$(up_to_date)

.PHONY: evaluate
evaluate: build/evaluate.json ## score it on held-out rows, ask the gate
	@$(up_to_date)

.PHONY: register
register: build/register.json ## give it a version and an alias, if the gate lets it pass
	@$(up_to_date)

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

.PHONY: reproduce
reproduce: $(environment) ## train RUN_ID or VERSION again from its commit, and compare bit for bit
	@docker/reproduce.sh $(RUN)

build/lint.json: build/lint.inputs | $(environment)
	@$(call stage,lint)

build/test.json: build/test.inputs | $(environment)
	@$(call stage,test)

# What a container may reach and write (docker/run.sh); sealed: no network, nothing but build/.
access = sealed
build/train.json build/evaluate.json build/register.json shell up promote rollback history registry reproduce: access = mlflow
format: access = writable
lock comment audit: access = outside

# Stages that follow one another share a process, which imports once what takes longer to import than to run.
# So a stage's recipe is empty where its predecessor's has just run.
register_follows := $(if $(filter register all,$(goals)),register)
evaluate_follows := $(if $(register_follows)$(filter evaluate,$(goals)),evaluate)
build/train.json: build/train.inputs | $(patsubst %,build/%.inputs,$(evaluate_follows) $(register_follows)) $(environment)
	@$(call stage,train $(evaluate_follows) $(register_follows))

build/evaluate.json: build/evaluate.inputs $(call before,build/train.json) | $(environment)
	@$(if $(evaluate.ran),:,$(call stage,evaluate $(register_follows)))

build/register.json: build/register.inputs $(call before,build/evaluate.json) | $(environment)
	@$(if $(register.ran),:,$(call stage,register))

build/summary.txt: build/lint.json build/test.json build/register.json | $(environment)
	@$(eval summary.ran := 1)$(RUN) python -m scripts summary

# Hashes of a stage's inputs; its date changes only when one of them did, so it is what Make compares.
build/%.inputs: FORCE | $(environment)
	@scripts/inputs.sh $* $($*_inputs)

# What a receipt names may be gone from the server.
$(patsubst %,build/%.inputs,train evaluate register): | claims
.PHONY: claims
claims: | $(environment)
	@docker/claims.sh

.PHONY: why
why: $(patsubst %,build/%.inputs,lint test train evaluate register) ## would each stage run, and because of which input?
	@scripts/why.sh lint test train evaluate register

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
	@docker/state.sh backup "$$MODELMAKE_TO"

.PHONY: restore
restore: ## put them back from there
	@docker/state.sh restore "$$MODELMAKE_FROM"

.PHONY: verify-backup
verify-backup: ## start a scratch server on a backup, and see that it shows all that was kept
	@$(with_engine) docker/state.sh verify-backup "$$MODELMAKE_FROM"

.PHONY: gc
gc: ## list what is deleted and orphaned; FORCE=1 removes it, but nothing that a version needs
	@$(with_engine) docker/state.sh gc

.PHONY: act
act: ## replay the GitHub workflow, offline
	@$(with_engine) docker/act.sh

.PHONY: parity
parity: ## prove that a direct run and a replay give the same bits
	@$(with_engine) docker/parity.sh

.PHONY: bundle
bundle: ## image, sources and lock as one file, for a machine without a network
	@$(with_engine) docker/bundle.sh

.PHONY: comment
comment: $(environment) ## post the report on the pull request, from its workflow
	@$(RUN) python -m scripts comment

.PHONY: image
image: ## build the pinned image, where it is not there yet
	@docker/image.sh build

.PHONY: base
base: ## build a stand-in for the pinned base image from Debian packages
	@docker/base.sh

.PHONY: engine
engine: ## give a bare Debian or Ubuntu a Docker engine with compose and buildx (root)
	@docker/engine.sh

.PHONY: lock
lock: $(environment) ## bring docker/requirements.txt up to pyproject.toml
	@$(RUN) docker/lock.sh
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

.PHONY: bench
bench: $(environment) .venv/lock.txt ## measure, as ratios from one run (docs/benchmarks.md has the method)
	@.venv/bin/python -m scripts bench

.PHONY: chaos
chaos: $(environment) .venv/lock.txt ## load and faults: what becomes of the server's state (docs/reliability.md)
	@$(with_engine) .venv/bin/python -m scripts chaos

.PHONY: doctor
doctor: ## what is here, what is missing, how to mend it
	@docker/doctor.sh

.PHONY: clean
clean: ## remove build/; the next `make all` starts afresh
	@echo "▸ clean · removing build/" && rm -rf build

.PHONY: distclean
distclean: clean ## remove .venv, and the server with all of its runs and models, as well
	@$(if $(server),$(server) purge)
	@echo "▸ distclean · removing .venv and .mlflow" && rm -rf .venv .mlflow

.venv/lock.txt: docker/requirements.txt
	@echo "▸ .venv · installing the lock (some seconds, once)"
	@docker/venv.sh .venv

.PHONY: FORCE
FORCE:
