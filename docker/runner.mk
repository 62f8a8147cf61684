# Chooses the runner and defines $(RUN), the prefix of each command that runs in the image or in .venv.

# Only listed variables of the environment count (docker/environment.sh). A variable of make counts on its command line,
# and in the environment as MODELMAKE_<NAME>; make passes it on by that name.
override SHELL := docker/shell
override .SHELLFLAGS := -c
source = $(firstword $(origin $1))
# Another variable of the command line, or of a make that calls this one, is dropped: it may have the name of one here.
known := $(shell . docker/environment.sh && echo $$allowed $$settings)
unknown := $(strip $(foreach name,$(filter-out .% SHELL MAKE%,$(.VARIABLES)),\
  $(if $(filter command override,$(call source,$(name))),$(filter-out $(known),$(name)))))
$(foreach name,$(unknown),$(eval override undefine $(name)))
override VPATH :=
override GPATH :=
letters := $(filter-out -%,$(firstword $(MAKEFLAGS)))
letters := $(if $(findstring =,$(letters)),,$(letters))
$(if $(findstring e,$(letters)),$(error make -e: the environment would override the Makefile (leave -e out)))
$(if $(findstring i,$(letters)),$(error make -i: a stage that fails would count as done (leave -i out)))
$(if $(findstring t,$(letters)),$(error make -t: a stage that has not run would count as done (leave -t out)))
$(if $(findstring :,$(CURDIR)),\
  $(error $(CURDIR): the path contains a colon, which PATH and Docker use as a separator (move the checkout)))
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
$(if $(filter environment,$(origin MAKECMDGOALS)),$(error MAKECMDGOALS: is make's own variable (unset it)))
targets := $(shell sed -n 's/^\([a-z-]*\):.* \#\# .*/\1/p' Makefile)
.PHONY: $(targets)
goals := $(or $(MAKECMDGOALS),help)
settings := $(shell . docker/environment.sh && echo $$settings)
setting = $(if $(filter command,$(call source,$1)),$($1),$(value MODELMAKE_$1))
ignored := $(strip $(foreach name,$(settings),$(if $(filter environment,$(call source,$(name))),$(name))))
$(foreach name,$(settings),$(if $(filter command,$(call source,$(name))),$(eval MODELMAKE_$(name) = $$($(name)))))

# A switch is 1 for yes, and empty for no. AUTH and TLS are 0 for no, and empty if they are not set.
yes := 1 true True TRUE yes Yes YES
no := 0 false False FALSE no No NO
invalid = $(error $1=$(strip $2): neither a yes nor a no (1, true or yes; 0, false, no or empty))
switch = $(if $(word 2,$2)$(filter-out $(yes) $(no),$2),$(call invalid,$1,$2),$(if $(filter $(yes),$2),1))
setting_switch = $(call switch,$1,$(call setting,$1))
$(foreach name,FORCE FOLLOW UPGRADE RETRAIN,$(eval MODELMAKE_$(name) := $(call setting_switch,$(name))))
$(foreach name,AUTH TLS,\
  $(eval MODELMAKE_$(name) := $(or $(call setting_switch,$(name)),$(if $(call setting,$(name)),0))))
override CI := $(call switch,CI,$(value CI))
export CI $(settings:%=MODELMAKE_%)

# A pipeline is pipeline.toml or pipelines/<name>.toml. The receipts of the one are in build/, those of the other in
# build/pipelines/<name>/.
pipeline := $(or $(strip $(call setting,PIPELINE)),pipeline.toml)
folder := build
ifneq ($(pipeline),pipeline.toml)
  problem := $(shell docker/host/pipeline.sh '$(subst ','\'',$(pipeline))')
  $(if $(problem),$(error $(problem)))
  folder := build/$(pipeline:.toml=)
endif

# The only choice of the runner: after it a recipe is the same for each runner, with $(RUN) in front. A container
# reaches no network and writes only to build/, unless words of `access` add more for its target (docker/run.sh).
access =
engine :=
environment :=
server :=
inside := $(wildcard /etc/modelmake)
unbound := help clean distclean doctor engine base up down logs
runner := $(or $(strip $(call setting,RUNNER)),$(if $(inside),image))
ifneq ($(filter-out help clean doctor engine base,$(goals)),)
  engine := $(if $(filter image host,$(runner)),,$(shell docker version -f '{{.Server.Version}}' 2>/dev/null))
endif
why_runner := $(if $(call setting,RUNNER),set by RUNNER,$(if $(inside),this is the image))
runner := $(or $(runner),$(if $(engine),docker,host))
MODELMAKE_RUNNER := $(runner)
ifeq ($(runner),image)
  RUN :=
else ifeq ($(runner),docker)
  RUN = docker/run.sh $(strip $(access) --)
  image := $(shell docker/image/image.sh ready)
  environment := $(if $(image),,image)
  server := docker/server/compose.sh
  why_runner := engine $(engine) answers; image $(or $(image),is not built yet)
else ifeq ($(runner),host)
  RUN = env PATH="$$PWD/.venv/bin:$$PATH"
  environment := .venv/lock.txt
  server := docker/server/embedded.sh
  why_runner := $(or $(why_runner),no Docker engine answers), .venv from the same lock
else
  $(error RUNNER=$(runner): unknown (docker or host))
endif
ifneq ($(filter-out $(unbound),$(goals)),)
  ifeq ($(runner)$(engine),docker)
    $(error RUNNER=docker: no Docker engine answers (start it, or install one: make engine))
  endif
  $(info runner: $(runner) ($(why_runner)))
  $(if $(unknown),$(info note: no variables of modelmake: $(unknown) (make help lists them)))
  $(if $(ignored),$(info note: not read from the environment: $(ignored) (write it after make, or set MODELMAKE_…)))
endif
tracking := $(if $(filter image,$(runner)),image,$(strip $(value MLFLOW_TRACKING_URI)))
with_engine = $(if $(filter docker,$(runner)),,$(error $@: needs a Docker engine, outside of the image (make doctor)))

.venv/lock.txt: docker/requirements.txt
	@echo "▸ .venv · installing the packages of the lock (some seconds, once)"
	@docker/image/venv.sh .venv
