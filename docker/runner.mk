# Chooses the runner and defines $(RUN), the prefix of each command that runs in the image or in .venv.

# Of the caller's variables make reads only those of the Makefile: on its command line, and in the environment as
# MODELMAKE_<NAME>, by which name it passes them on. Commands get what docker/environment.sh lists (docker/shell).
# The project is the folder where make was called; modelmake, the product, is there too, or in .modelmake.
$(if $(filter . .modelmake,$(product)),,$(error $(product): modelmake must be in the folder .modelmake of the project))
$(if $(shell awk 'NR == 1 && /\r$$/' $(product)/docker/shell),$(error docker/shell: this checkout has CRLF at the \
  ends of lines (git config --global core.autocrlf input, and clone it again)))
override caller := $(if $(filter command,$(firstword $(origin SHELL))),/bin/sh,$(SHELL))
override SHELL := $(product)/docker/shell
override .SHELLFLAGS := -c
# What other files list, in one call, as words such as setting=RUNNER, known=HOME and target=all.
override listed := $(shell product=$(product); . $(product)/docker/environment.sh && \
  printf 'setting=%s ' $$settings && printf 'known=%s ' $$settings $$allowed && \
  awk -v as=words -f $(product)/docker/host/help.awk $(product)/Makefile && \
  printf 'lock=%s ' "$$MODELMAKE_LOCK")
override listing = $(patsubst $1=%,%,$(filter $1=%,$(listed)))
override settings := $(call listing,setting)
known := $(call listing,known)
# The project's own targets and variables, which stand below its include.
override project := $(if $(filter .modelmake,$(product)),$(firstword $(MAKEFILE_LIST)))
source = $(firstword $(origin $1))
# Another variable of the command line, or of a make that calls this one, may have the name of one here.
unknown := $(filter-out .% SHELL MAKE% caller listed listing product project settings typed,$(.VARIABLES))
unknown := $(strip $(foreach name,$(unknown),\
  $(if $(filter command override,$(call source,$(name))),$(filter-out $(known),$(name)))))
unknown := $(foreach name,$(unknown),$(if $(project),$(if $(shell grep -wF '$(name)' $(project)),,$(name)),$(name)))
override typed := $(foreach name,$(unknown),$(if $(filter command,$(call source,$(name))),$(name)))
undefine := $(filter undefine,$(.FEATURES))
$(if $(undefine),$(foreach name,$(unknown),$(eval override undefine $(name))))
quoted = '$(subst ','\'',$1)'
similar = $(shell printf '%s\n' $1 | awk -v word=$(call quoted,$2) -v whole=$3 -f $(product)/docker/host/suggestion.awk)
meant = $(if $1,did you mean $1? )make help lists them
# A misspelt variable would have no effect; an outer make may have any.
$(if $(filter 0,$(MAKELEVEL)),$(foreach name,$(typed),$(foreach near,\
  $(call similar,$(settings) MLFLOW_PORT MLFLOW_TRACKING_URI,$(name),1),\
  $(error $(name): not a variable of modelmake ($(call meant,$(near)))))))
$(if $(undefine),,$(if $(unknown),$(error $(unknown): not a variable of modelmake (leave it out)))) # GNU Make 3.81
override VPATH :=
override GPATH :=
letters := $(filter-out -%,$(firstword $(MAKEFLAGS)))
letters := $(if $(findstring =,$(letters)),,$(letters))
$(if $(findstring e,$(letters)),$(error make -e: the environment would override the Makefile (leave -e out)))
$(if $(findstring i,$(letters)),$(error make -i: a stage that fails would count as done (leave -i out)))
$(if $(findstring t,$(letters)),$(error make -t: a stage that has not run would count as done (leave -t out)))
$(if $(findstring :,$(CURDIR)),\
  $(error $(CURDIR): the path contains a colon, which PATH and Docker use as a separator (move the checkout)))
$(if $(filter environment,$(origin MAKECMDGOALS)),$(error MAKECMDGOALS: is make's own variable (unset it)))
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help
override targets := $(if $(filter file,$(origin targets)),$(targets)) $(call listing,target)
.PHONY: $(targets)
# Their recipes have the cleaned environment; those of the project have the caller's (at the end of the Makefile).
$(targets) .venv/lock.txt: override SHELL := $(product)/docker/shell
goals := $(or $(MAKECMDGOALS),help)
# Silent, because a target that is up to date says so itself.
MAKEFLAGS += $(if $(filter-out $(targets),$(goals)),,--silent)
# Make itself would say of a folder, such as tests/, that nothing is to be done.
own := $(if $(project),$(if $(shell grep '%.*:\|^-*include .*[^e]$$' $(project)),$(goals),\
  $(shell sed -n 's/^\([^\#: =	][^\#:=]*\):\([^=].*\)*$$/\1/p' $(project))))
strange := $(firstword $(filter-out $(targets) $(own) .venv/lock.txt,$(goals)))
$(if $(strange),$(error make $(strange): no such target ($(call meant,$(call similar,$(own) $(targets),$(strange))))))

# docker/host/settings.sh checks the variables, and says which switches are on.
given := $(foreach name,$(settings) CI,$(if $(filter command,$(call source,$(name))),$(name)))
ours := $(settings) $(filter-out $(known) MODELMAKE_CLEAN MODELMAKE_ROOT MODELMAKE_PRODUCT MODELMAKE_LOCK,\
  $(filter MODELMAKE_%,$(.VARIABLES)))
ignored := $(strip $(foreach name,$(ours),$(if $(filter environment,$(call source,$(name))),$(name))))
# No other tool uses these names, and without them another runner, pipeline, run or port would be used: not a note.
misplaced := $(strip $(foreach name,RUNNER PIPELINE RUN_ID SERVE_PORT DASHBOARD_PORT ACT_REF ACT_TRACKING,\
  $(if $(filter $(name),$(ignored)),$(if $(strip $(value $(name))),$(name)))))
checked := $(shell exec $(product)/docker/host/settings.sh \
  $(foreach name,$(given),$(call quoted,$(name)=$($(name)))) 2>&1)
$(if $(filter error:,$(firstword $(checked))),$(error $(wordlist 2,99,$(checked))))
$(foreach name,$(filter-out CI,$(given)),$(eval MODELMAKE_$(name) = $$($(name))))
$(foreach word,$(checked),$(eval override $(subst =,:=,$(word))))
export CI $(settings:%=MODELMAKE_%)
setting = $(if $(filter $1,$(given)),$($1),$(value MODELMAKE_$1))

# A pipeline is pipeline.toml or pipelines/<name>.toml. The receipts of the one are in build/, those of the other in
# build/pipelines/<name>/.
pipeline := $(or $(strip $(call setting,PIPELINE)),pipeline.toml)
folder := build$(if $(filter-out pipeline.toml,$(pipeline)),/$(pipeline:.toml=))

# The only choice of the runner: after it a recipe is the same for each runner, with $(RUN) in front. A container
# reaches no network and writes only to build/, unless words of `access` add more for its target (docker/run.sh).
access =
engine :=
environment :=
server :=
inside := $(wildcard /etc/modelmake)
# Podman, of which Conmon is a part, answers too, and cannot attach to a container as Docker's client asks (docs/howto).
podman := {{range .Server.Components}}{{if eq .Name "Conmon"}}podman-{{end}}{{end}}
unbound := help init update clean distclean doctor engine base up down logs
runner := $(or $(strip $(call setting,RUNNER)),$(if $(inside),image))
ifneq ($(filter-out help update clean doctor engine base,$(goals)),)
  $(if $(misplaced),$(error $(firstword $(misplaced)): is in the environment, where modelmake does not read it \
    (write: make $(strip $(goals) $(foreach name,$(misplaced),$(name)=$(value $(name)))))))
  engine := $(if $(filter image host,$(runner)),,$(shell \
    docker version -f '$(podman)engine={{.Server.Version}}' 2>/dev/null & exec $(product)/docker/image/image.sh ready))
endif
image := $(filter-out engine=% podman-%,$(engine))
engine := $(patsubst engine=%,%,$(filter engine=%,$(engine)))
no_engine := $(strip $(if $(engine)$(filter image host,$(runner)),,$(if $(filter-out $(unbound),$(goals)),\
  $(shell . $(product)/docker/lib.sh && no_engine))))
why_runner := $(if $(call setting,RUNNER),set by RUNNER,$(if $(inside),this is the image))
runner := $(or $(runner),$(if $(engine),docker,host))
MODELMAKE_RUNNER := $(runner)
ifeq ($(runner),image)
  RUN :=
else ifeq ($(runner),docker)
  RUN = $(product)/docker/run.sh $(strip $(access) --)
  environment := $(if $(image),,image)
  server := $(product)/docker/server/compose.sh
  why_runner := engine $(engine) answers; image $(or $(image),is not built yet)
else
  RUN = env PATH="$$PWD/.venv/bin:$$PATH"
  environment := .venv/lock.txt
  server := $(product)/docker/server/embedded.sh
  why_runner := $(or $(why_runner),$(no_engine)), .venv from the same lock
endif
ifneq ($(filter-out $(unbound),$(goals)),)
  ifeq ($(runner)$(engine),docker)
    $(error RUNNER=docker: $(no_engine))
  endif
  $(info runner: $(runner) ($(why_runner)))
  $(if $(unknown),$(info note: no variables of modelmake: $(unknown) (make help lists them)))
  $(if $(ignored),$(info note: not read from the environment: $(ignored) (write it after make, or set MODELMAKE_…)))
endif
tracking := $(if $(filter image,$(runner)),image,$(strip $(value MLFLOW_TRACKING_URI)))
with_engine = $(if $(filter docker,$(runner)),,$(error $@: needs a Docker engine, outside of the image (make doctor)))

lock := $(call listing,lock)
# A lock that was made from another lock of modelmake is a mixture of two.
ifneq ($(filter-out $(unbound) lock update,$(goals)),)
  outdated := $(if $(filter requirements.txt,$(lock)),$(shell . $(product)/docker/lib.sh && outdated))
  $(if $(outdated),$(error $(outdated)))
endif
.venv/lock.txt: $(lock)
	@echo "▸ .venv · installing the packages of the lock (some seconds, once)"
	@$(product)/docker/image/venv.sh .venv
