# `make all` and its stages leave build/<stage>.done. A stage is done anew when a hash of what it reads has changed
# (docker/host/hash.sh); which of train, evaluate and register that makes stale, Python decides (scripts/core/stages.py).
CHAIN := train evaluate register
named := $(filter $(CHAIN),$(goals:all=$(CHAIN)))
last := $(lastword $(filter $(named),$(CHAIN)))
fresh = [ build/$(or $1,$@).done -nt build/asked ] || echo "$@: up to date (FORCE=1 runs it anyway)"
forced := $(strip $(if $(MODELMAKE_FORCE)$(call given,ARGS),$(filter lint test owntest,$(subst test,test owntest,$(goals:all=lint test))) $(last)))
$(forced:%=build/%.done): FORCE
$(CHAIN:%=build/%.done) shell up promote rollback history registry reproduce: access = mlflow
lock comment audit: access = outside
format: access = writable

build/code.inputs build/lint.inputs build/test.inputs build/owntest.inputs $(CHAIN:%=build/%.inputs): FORCE
	@docker/host/hash.sh $(basename $(notdir $@))
$(CHAIN:%=build/%.inputs): build/reads | claims
build/reads: build/code.inputs | $(environment)
	@$(RUN) python -m scripts inputs
build/train.done: build/train.inputs
build/evaluate.done: build/train.inputs build/evaluate.inputs
build/register.done: build/train.inputs build/evaluate.inputs build/register.inputs
$(CHAIN:%=build/%.done): | $(environment)
	@$(RUN) python -m scripts $(or $(named),$(basename $(notdir $@))) && touch $@
build/lint.done build/test.done build/owntest.done: build/%.done: build/%.inputs | $(environment)
	@echo "▸ $*" && $(RUN) python -m scripts $* && touch $@

# In `all` a model is trained only once the code has passed, also with -j, and whatever run somebody has named.
ifneq ($(filter all,$(goals)),)
$(CHAIN:%=build/%.done) build/reads: | build/lint.done build/test.done build/owntest.done
override RUN_ID :=
override MODELMAKE_RUN_ID :=
override MLFLOW_RUN_ID :=
unexport MLFLOW_RUN_ID
endif

# What a receipt names may be gone from the server.
.PHONY: claims
claims: | $(environment)
	@docker/server/claims.sh

.PHONY: FORCE
FORCE:
