# `make all` and its stages leave <stage>.done in build/ or in the folder of the pipeline. A stage runs again if a hash
# of its inputs has changed (docker/host/hash.sh). Python decides which of train, evaluate and register that affects
# (scripts/modelmake/core/stages.py).
CHECKS := lint test owntest
CHAIN := train evaluate register
STAGES := $(CHECKS) $(CHAIN)
of = $(foreach stage,$1,$(if $(filter tune $(CHAIN),$(stage)),$(folder),build)/$(stage).$2)
several := $(wildcard pipelines/*.toml)
asked := $(if $(several),$(goals:all-pipelines=lint test),$(goals:all-pipelines=all))
named := $(filter $(CHAIN),$(asked:all=$(CHAIN)))
last := $(lastword $(filter $(named),$(CHAIN)))
fresh = [ $(call of,$(or $1,$@),done) -nt build/asked ] || echo "$@: up to date (FORCE=1 runs it anyway)"
tuned := $(filter tune,$(goals))$(filter all,$(asked))
checks := $(filter $(CHECKS),$(subst test,test owntest,$(asked:all=lint test)))
forced := $(strip $(if $(MODELMAKE_FORCE)$(call setting,ARGS),$(checks) $(last) $(filter tune,$(goals))))
$(call of,$(forced),done): FORCE
$(folder)/tune.done: access = mlflow cluster
$(CHAIN:%=$(folder)/%.done) shell up promote rollback history registry reproduce: access = mlflow
lock add audit: access = outside
comment alert: access = github
format new: access = checkout
fetch: access = sources
smoke: access = scorer
watch: access = mlflow log tables
predict: access = mlflow tables output
$(folder)/reads: | $(filter fetch,$(goals)) # `make fetch train` reads the new snapshot, also with -j

# One process hashes the inputs of several stages; a file of inputs is new only if an input has changed.
.PHONY: hashes-of-checks hashes-of-tune hashes-of-chain
build/code.inputs: FORCE | $(environment)
	@docker/host/hash.sh build/code
hashes-of-checks: | $(environment)
	@docker/host/hash.sh $(CHECKS:%=build/%)
hashes-of-tune: $(folder)/reads
	@docker/host/hash.sh $(folder)/tune
hashes-of-chain: $(folder)/reads | claims
	@docker/host/hash.sh $(CHAIN:%=$(folder)/%)
$(CHECKS:%=build/%.inputs): hashes-of-checks ;
$(folder)/tune.inputs: hashes-of-tune ;
$(CHAIN:%=$(folder)/%.inputs): hashes-of-chain ;
$(folder)/reads: build/code.inputs
	@$(RUN) python -m modelmake inputs
# tune.reads is empty where there is no search: then only `make tune` alone says so. What `tune` finds is an input of
# `train`.
$(folder)/tune.done: $(folder)/tune.inputs $(or $(wildcard $(folder)/tuned.toml),FORCE) | $(environment)
	@$(if $(filter-out tune,$(goals)),[ ! -s $(folder)/tune.reads ] ||) \
	  { echo "▸ tune" && $(RUN) python -m modelmake tune; } && touch $@
$(if $(tuned),hashes-of-chain: | $(folder)/tune.done)
$(folder)/train.done: $(folder)/train.inputs
$(folder)/evaluate.done: $(call of,train evaluate,inputs)
$(folder)/register.done: $(call of,$(CHAIN),inputs)
$(CHAIN:%=$(folder)/%.done): | $(environment)
	@$(RUN) python -m modelmake $(or $(named),$(basename $(notdir $@))) && touch $@
$(CHECKS:%=build/%.done): build/%.done: build/%.inputs | $(environment)
	@echo "▸ $*" && $(RUN) python -m modelmake $* && touch $@

# `all` trains a model only after lint and test have passed, also with -j. It ignores RUN_ID.
ifneq ($(filter all,$(asked)),)
$(CHAIN:%=$(folder)/%.done) $(folder)/reads: | $(CHECKS:%=build/%.done)
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
