# How make's lines reach what runs them: the variables that count, which runner, which image, $(RUN) in front of a command.

# The caller's environment is not our configuration. Variables of make count on its command line, and in the environment as
# MODELMAKE_<NAME>, by which they are handed on; docker/environment.sh has all that is read.
SHELL := docker/shell
override VPATH :=
override GPATH :=
letters := $(filter-out -%,$(firstword $(MAKEFLAGS)))
letters := $(if $(findstring =,$(letters)),,$(letters))
$(if $(findstring e,$(letters)),$(error make -e: the environment would override the Makefile (leave -e out)))
$(if $(findstring i,$(letters)),$(error make -i: a stage that fails would count as done (leave -i out)))
$(if $(findstring :,$(CURDIR)),$(error $(CURDIR): a colon in the path, which neither PATH nor Docker can name (move the checkout)))
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
$(if $(filter environment,$(origin MAKECMDGOALS)),$(error MAKECMDGOALS: is make's own variable (unset it)))
goals := $(or $(MAKECMDGOALS),help)
settings := $(shell sed -n 's/^settings="\(.*\)"/\1/p' docker/environment.sh)
given = $(if $(filter command,$(firstword $(origin $1))),$($1),$(value MODELMAKE_$1))
ignored := $(strip $(foreach name,$(settings),$(if $(filter environment,$(firstword $(origin $(name)))),$(name))))
$(foreach name,$(settings),$(if $(filter command,$(firstword $(origin $(name)))),$(eval MODELMAKE_$(name) = $$($(name)))))

# The one reader of switches: 1 for a yes, 0 or nothing for a no.
yes := 1 true True TRUE yes Yes YES
no := 0 false False FALSE no No NO
neither = $(error $1=$(strip $2): neither a yes nor a no (1, true or yes; 0, false, no or empty))
switch = $(if $(word 2,$2)$(filter-out $(yes) $(no),$2),$(call neither,$1,$2),$(if $(filter $(yes),$2),1))
$(foreach name,FORCE FOLLOW UPGRADE,$(eval MODELMAKE_$(name) := $(call switch,$(name),$(call given,$(name)))))
$(foreach name,AUTH TLS,$(eval MODELMAKE_$(name) := $(or $(call switch,$(name),$(call given,$(name))),$(if $(call given,$(name)),0))))
override CI := $(call switch,CI,$(value CI))
export CI $(settings:%=MODELMAKE_%)

# One choice of runner; after it every recipe is the same line with $(RUN) in front. A container reaches no network and writes
# nothing but build/, unless its target says more (docker/run.sh).
access = sealed
engine :=
environment :=
server :=
inside := $(wildcard /etc/modelmake)
unbound := help clean distclean doctor engine base up down logs
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
  server := docker/server/compose.sh
  why_runner := engine $(engine) answers; image $(shell docker/image/image.sh describe)
else ifeq ($(runner),host)
  RUN = env PATH="$$PWD/.venv/bin:$$PATH"
  environment := .venv/lock.txt
  server := docker/server/embedded.sh
  why_runner := $(or $(why_runner),no Docker engine answers), .venv from the same lock
else
  $(error RUNNER=$(runner): unknown (docker or host))
endif
ifneq ($(filter-out $(unbound),$(goals)),)
  $(if $(filter docker,$(runner)),$(if $(engine),,$(error RUNNER=docker: no Docker engine answers (start it, or install one: make engine))))
  $(info runner: $(runner) ($(why_runner)))
  $(if $(ignored),$(info note: not read from the environment: $(ignored) (write it behind make, or set MODELMAKE_…)))
endif
tracking := $(if $(filter image,$(runner)),given,$(strip $(value MLFLOW_TRACKING_URI)))
with_engine = $(if $(filter docker,$(runner)),,$(error $@: needs a Docker engine, outside of the image (make doctor)))

.venv/lock.txt: docker/requirements.txt
	@echo "▸ .venv · installing the lock (some seconds, once)"
	@docker/image/venv.sh .venv
