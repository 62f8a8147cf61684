# `make all` and its stages leave build/<stage>.done. A stage runs again if a hash of its inputs has changed
# (docker/host/hash.sh). Python decides which of train, evaluate and register that affects (scripts/core/stages.py).
CHAIN := train evaluate register
STAGES := lint test owntest $(CHAIN)
named := $(filter $(CHAIN),$(goals:all=$(CHAIN)))
last := $(lastword $(filter $(named),$(CHAIN)))
fresh = [ build/$(or $1,$@).done -nt build/asked ] || echo "$@: up to date (FORCE=1 runs it anyway)"
checks := $(filter lint test owntest,$(subst test,test owntest,$(goals:all=lint test)))
forced := $(strip $(if $(MODELMAKE_FORCE)$(call setting,ARGS),$(checks) $(last)))
$(forced:%=build/%.done): FORCE
$(CHAIN:%=build/%.done) shell up promote rollback history registry reproduce: access = mlflow
lock comment audit: access = outside
format: access = writable

# One process hashes the inputs of several stages; a file of inputs is new only if an input has changed.
.PHONY: hashes-of-checks hashes-of-chain
build/code.inputs: FORCE | $(environment)
	@docker/host/hash.sh code
hashes-of-checks: | $(environment)
	@docker/host/hash.sh lint test owntest
hashes-of-chain: build/reads | claims
	@docker/host/hash.sh $(CHAIN)
build/lint.inputs build/test.inputs build/owntest.inputs: hashes-of-checks ;
$(CHAIN:%=build/%.inputs): hashes-of-chain ;
build/reads: build/code.inputs
	@$(RUN) python -m scripts inputs
build/train.done: build/train.inputs
build/evaluate.done: build/train.inputs build/evaluate.inputs
build/register.done: build/train.inputs build/evaluate.inputs build/register.inputs
$(CHAIN:%=build/%.done): | $(environment)
	@$(RUN) python -m scripts $(or $(named),$(basename $(notdir $@))) && touch $@
build/lint.done build/test.done build/owntest.done: build/%.done: build/%.inputs | $(environment)
	@echo "▸ $*" && $(RUN) python -m scripts $* && touch $@

# `all` trains a model only after lint and test have passed, also with -j. It ignores RUN_ID.
ifneq ($(filter all,$(goals)),)
$(CHAIN:%=build/%.done) build/reads: | build/lint.done build/test.done build/owntest.done
override RUN_ID :=
override MODELMAKE_RUN_ID :=
override MLFLOW_RUN_ID :=
unexport MLFLOW_RUN_ID
endif

# A receipt may name a run or a version that the server has lost.
.PHONY: claims
claims: | $(environment)
	@docker/server/claims.sh

.PHONY: FORCE
FORCE:
