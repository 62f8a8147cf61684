# modelmake: make for models. `make` lists the targets, `make all` runs the pipeline. The text after ## is the help of a
# target, and also declares it phony (docker/runner.mk); of a variable, its kind, which is checked (docker/lib.sh), and
# its help. A toggle keeps its state while it is not set. A target without a recipe runs the module of its name.

RUNNER ?= ## docker|host|image: pinned image, .venv, or bare in the image (default: docker if an engine answers)
PIPELINE ?= ## path: file of the pipeline (default pipeline.toml): PIPELINE=pipelines/churn.toml
MLFLOW_TRACKING_URI ?= ## text: address of your MLflow server (default: the local server of `make up`)
MLFLOW_PORT ?= ## port: port of the local MLflow server (default: its last port, or 5000)
SERVE_PORT ?= ## port: port of the scoring server on localhost (default: its last port, or 5001)
IN ?= ## path: table that `make predict` predicts, or that `make watch` compares in place of the request log
OUT ?= ## path: file that `make predict` writes: .parquet, .csv, .csv.gz, .jsonl or .jsonl.gz
TRUTH ?= ## path: table with request_id, row and target, with which `make watch` scores the champion
DASHBOARD_PORT ?= ## port: port of `make dashboard` on localhost (default: its last port, or 3000)
WORKERS ?= ## number: processes of the scoring server (default 1), of `make tune` (each core), of `make cluster` (2)
ENGINE ?= ## local|dask: what runs the trials of `make tune`: processes (default), or a Dask cluster
AUTH ?= ## toggle: 1 adds a login to the MLflow server (up) or a token to the scoring server (serve), 0 removes it
TLS ?= ## toggle: 1 adds TLS to the MLflow server (up) or to the scoring server (serve), 0 removes it
WORKFLOW ?= ## text: workflow that `make act` replays: mlops-pipeline (default), promote, watch, release
EVENT ?= ## text: event of `make act` (default: push, or workflow_dispatch for promote and watch)
JOB ?= ## text: job that `make act` replays, with the jobs that it needs (default: all jobs)
ACT_REF ?= ## text: commit that `make act` replays; worktree adds uncommitted files (default HEAD)
ACT_TRACKING ?= ## scratch|local: MLflow server of `make act`: one of its own (default), or that of `make up`
FROM ?= ## path: backup file that `make restore` and `make verify-backup` read
TO ?= ## path: folder of `make init`, version of `make update` (the newest), file of `make backup` (one in backups/)
KEY ?= ## path: file with the key that encrypts backups, created if missing (default: none)
RUN_ID ?= ## text: run to reproduce; run to evaluate or register if build/ has no receipt
VERSION ?= ## text: version to promote (default @staging), reproduce (last run) or predict with (@champion); to release
FORCE ?= ## switch: 1 repeats up-to-date targets, replaces OUT, overrides a stale lock, and makes `make gc` delete
ARGS ?= ## text: additional options for pytest or act, for example: make test ARGS='-k gate -x'
REASON ?= ## text: reason for a run, promotion or rollback, recorded in MLflow
RETRAIN ?= ## switch: 1 makes `make alert` start the pipeline on GitHub, at most once a week
FOLLOW ?= ## switch: 1 makes `make logs` follow the log until Ctrl-C
UPGRADE ?= ## switch: 1 makes `make lock` take the newest versions of your packages
DATA ?= ## text: table for which `make new` or `make init` writes a pipeline
TARGET ?= ## text: column that the pipeline of `make new` predicts
NAME ?= ## text: name of the pipeline that `make new` writes (default: the name of the table)
PKG ?= ## text: packages that `make add` adds, for example: make add PKG=lightgbm
APT ?= ## text: system packages that `make add` adds to a project, for example: make add APT=libgomp1
IMAGE_REPO ?= ## text: image name without tag (default: ghcr.io/<owner>/<repository>, or modelmake)
PYTHON ?= ## path: Python 3.11 to 3.13 that creates .venv (default: the newest on the PATH)

override product := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(product)/docker/runner.mk
include $(product)/docker/stages.mk
include $(product)/docker/rules.mk

## Everything

all: run-chain ## run lint, test, train, evaluate and register, and print a summary
	@$(call fresh,$(STAGES))
	@cat $(folder)/summary.txt

all-pipelines: $(if $(several),$(CHECKS:%=run-%),all) ## run lint and test once, then each pipeline
	@$(if $(several),$(product)/docker/host/pipelines.sh '$(CHAIN)' $(RUN))

why: judge-again ## show which stages would run, and what changed
	@sed '1d; /^summary/d; /^tune *nothing/d' $(folder)/why

demo: $(environment) ## show in a minute what modelmake does, with a table and servers of its own
	@$(product)/docker/replay/demo.sh $(RUN)

help: ## show this page
	@awk -f $(product)/docker/host/help.awk $(product)/Makefile $(project)

## Code

lint: run-lint ## run every linter and the type checker, without network or changes to files
	@$(fresh)

format: ## format the code and apply the fixes of the linters

test: run-test ## run the tests that need no engine
	@$(fresh)

examples: ## train, evaluate and register each pipeline in examples/, as every CI run does

test-stack: $(environment) .venv/lock.txt ## run the tests that drive make, docker, compose and act
	@$(with_engine) $(product)/docker/host/stack.sh

## Pipelines

init: ## create a project that uses modelmake in the folder TO, with a pipeline for DATA and TARGET
	@$(product)/docker/host/init.sh

update: ## take the newest modelmake, or the version TO, and bring its changes over to the files of the project
	@$(product)/docker/host/update.sh

new: ## write a pipeline that predicts the column TARGET of the table DATA
pipelines: ## list the pipelines: pipeline.toml, and the files in pipelines/

## Model

fetch: ## take a snapshot of the table that data.source names
explain: ## show how each column of the table is prepared for the estimator

tune: run-tune ## try the parameters of [search], and save the best for `make train`
	@$(fresh)

cluster: ## start a Dask cluster of WORKERS containers, for `make tune ENGINE=dask`
	@$(with_engine) $(product)/docker/cluster/cluster.sh up

train: run-chain ## fit the estimator and log the run to MLflow
evaluate: run-chain ## score the model on held-out rows and apply the gate
register: run-chain ## register the model as a new version with an alias, if it passes the gate

reproduce: $(environment) ## train RUN_ID or VERSION again from its commit, and compare the results bit by bit
	@$(product)/docker/replay/reproduce.sh $(RUN)

## Registry

promote: ## make the version at @staging, or VERSION, the champion
rollback: ## move @champion back to the previous version
history: ## show who moved @champion, when and why
registry: ## list every version with its aliases, verdict and metrics

## Serving

serve: $(environment) ## start a server that answers requests with the champion, and follows promotions
	@$(product)/docker/serving/serve.sh up

smoke: ## send the example rows of the model to the scoring server, and check the answers
predict: ## predict the rows of the table IN with the champion, or VERSION, into the file OUT
watch: ## compare the requests to the champion, or the table IN, with the training rows

dashboard: $(environment) ## start Prometheus and Grafana on localhost, which show the scoring servers of this checkout
	@$(with_engine) $(product)/docker/dashboard/dashboard.sh up

## Server

up: $(environment) ## start the local MLflow server, or wait for the server of MLFLOW_TRACKING_URI
	@$(if $(tracking),$(RUN) python -m modelmake up,$(server) up)

down: ## stop the scoring server, the dashboard, the cluster and the MLflow server; runs, models and logs stay
	@$(product)/docker/serving/serve.sh down && $(product)/docker/dashboard/dashboard.sh down
	@$(product)/docker/cluster/cluster.sh down
	@$(server) down

logs: ## show the log of the local MLflow server
	@$(server) logs

backup: ## save the runs, models and artifacts of the local MLflow server to one file
	@$(product)/docker/server/state.sh backup "$$MODELMAKE_TO"

restore: ## replace the state of the local MLflow server with the backup FROM
	@$(product)/docker/server/state.sh restore "$$MODELMAKE_FROM"

verify-backup: ## restore the backup FROM to a scratch server, and check that it is complete
	@$(with_engine) $(product)/docker/server/state.sh verify-backup "$$MODELMAKE_FROM"

gc: ## list deleted and orphaned data; FORCE=1 removes the data that no version needs
	@$(with_engine) $(product)/docker/server/state.sh gc

## GitHub

act: ## replay a GitHub workflow offline
	@$(with_engine) $(product)/docker/replay/act.sh

parity: ## check that a direct run and a replay give identical results
	@$(with_engine) $(product)/docker/replay/parity.sh

comment: ## post the report on the pull request; for the GitHub workflow
alert: ## open an issue on an alert of `make watch`, and with RETRAIN=1 train again (GitHub workflow)
approval: ## show who approved a promotion on GitHub, or that nobody had to (GitHub workflow)
exposure: ## refuse a table whose snapshot a public repository would expose (GitHub workflow)

## Environment

image: ## pull or build the pinned image if it is missing
	@$(product)/docker/image/image.sh build

base: ## build a substitute for the pinned base image from Debian packages
	@$(product)/docker/image/base.sh

engine: ## install a Docker engine with compose and buildx on Debian or Ubuntu (as root)
	@$(product)/docker/host/engine.sh

lock: $(environment) ## update the lock from pyproject.toml
	@$(product)/docker/host/packages.sh lock $(RUN)

add: $(if $(call setting,PKG),$(environment)) ## add and lock the packages PKG, and add the system packages APT
	@$(product)/docker/host/packages.sh add $(RUN)

sbom: ## list the contents of the image as CycloneDX in build/sbom.json
audit: ## check every package of the lock for known vulnerabilities

shell: $(environment) ## open a shell in the environment of the stages
	@$(RUN) bash

bundle: ## save image, sources and lock in one file for a machine without a network
	@$(with_engine) $(product)/docker/replay/bundle.sh

doctor: ## check this machine, and show how to fix what is missing
	@$(product)/docker/host/doctor.sh

clean: ## remove build/, so that the next `make all` runs every stage
	@echo "▸ clean · removing build/" && rm -rf build

distclean: clean ## remove build/, .venv, and the local servers with their runs, models and logs
	@$(product)/docker/dashboard/dashboard.sh purge && $(product)/docker/serving/serve.sh down
	@$(product)/docker/cluster/cluster.sh down $(if $(server),&& $(server) purge)
	@echo "▸ distclean · removing .venv, .mlflow, .serve and .dashboard" && rm -rf .venv .mlflow .serve .dashboard

docs: .venv/lock.txt ## write the reference pages again, and build the site in build/site
	@.venv/bin/python -m modelmake docs

## Release

release: $(environment) ## check, commit and tag the version VERSION of modelmake; pushes nothing
	@$(product)/docker/host/release.sh $(RUN)

notes: ## print what the changelog says of the version of this checkout

release-image: ## build and push the image of this processor by digest, and bundle it (GitHub workflow)
	@$(with_engine) $(product)/docker/replay/release.sh image

release-publish: ## name the images after VERSION, and publish it with the bundles (GitHub workflow)
	@$(with_engine) $(product)/docker/replay/release.sh publish

## Measures

bench: $(environment) .venv/lock.txt ## measure time and size as ratios from one run (docs/explanation/benchmarks.md)
	@.venv/bin/python -m modelmake bench

chaos: $(environment) .venv/lock.txt ## test the server's state under load and faults (docs/explanation/reliability.md)
	@$(with_engine) .venv/bin/python -m modelmake chaos

# Recipes of the project, below its include, have the shell and the environment of the caller.
$(if $(project),$(eval override SHELL := $(caller)))
