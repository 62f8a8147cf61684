# `make all` and its stages. Make knows their order (docker/stages.mk has their names); what runs is what build/why, the
# answer of `make why`, says when it is a stage's turn (docker/host/why.sh). Dates of files mean nothing.
STAGES := $(CHECKS) $(CHAIN)
several := $(wildcard pipelines/*.toml)
asked := $(if $(several),$(goals:all-pipelines=lint test),$(goals:all-pipelines=all))
named := $(filter $(CHAIN),$(asked:all=$(CHAIN)))
checks := $(filter $(CHECKS),$(subst test,test owntest,$(asked:all=lint test)))
tuning := $(filter tune,$(goals))
forced := $(strip $(if $(MODELMAKE_FORCE)$(call setting,ARGS),$(checks) $(named) $(tuning)))
said = $(shell sed -n 's/ *$1: .*//p' $(folder)/why 2>/dev/null || echo $2)
due = $(filter $1,$(forced) $(call said,would run,$1))
ran :=
run = $(eval ran += $1)$(RUN) python -m modelmake $1
fresh = $(if $(filter $(or $1,$@),$(ran)),:,echo "$@: up to date (FORCE=1 runs it anyway)")
modules := $(filter-out $(CHAIN),$(shell awk -v as=modules -f docker/host/help.awk Makefile))
steps := judge judge-again judge-chain claims run-tune run-chain $(CHECKS:%=run-%)
.PHONY: $(steps)
$(steps): access =
run-tune: access = mlflow cluster
run-chain shell up promote rollback history registry reproduce: access = mlflow
lock add audit: access = outside
comment alert approval exposure: access = github
format new: access = checkout
fetch: access = sources
smoke: access = scorer
watch: access = mlflow log tables
predict: access = mlflow tables output

judge: | $(environment) # before lint and the tests
	@docker/host/why.sh $(RUN)
$(CHECKS:%=run-%): run-%: | judge
	@$(if $(call due,$*),echo "▸ $*" && $(call run,$*))

# After `make all` has linted and tested, and `make fetch train` has the new snapshot, also with -j.
judge-again: | claims $(if $(checks),judge) $(if $(filter all,$(asked)),$(CHECKS:%=run-%)) $(filter fetch,$(goals))
	@docker/host/why.sh $(RUN)
claims: | $(environment)
	@docker/server/claims.sh $(CHAIN)

# Where there is no search, only `make tune` alone says so. What `tune` finds is an input of `train`.
run-tune: | judge-again
	@$(if $(call due,tune)$(if $(filter-out tune,$(goals)),,$(filter tune,$(call said,nothing to do,))),\
	  echo "▸ tune" && $(call run,tune))
judge-chain: | judge-again $(if $(tuning)$(filter all,$(asked)),run-tune)
	@$(if $(filter tune,$(ran)),docker/host/why.sh $(RUN))
run-chain: words := $(named) $(if $(filter all,$(asked)),summary)
run-chain: | judge-chain
	@$(if $(call due,$(words)),$(call run,$(words)))

$(CHAIN):
	@$(call fresh,$(CHAIN))
$(modules): $(environment)
	@$(RUN) python -m modelmake $@

# `all` ignores RUN_ID.
ifneq ($(filter all,$(asked)),)
override RUN_ID :=
override MODELMAKE_RUN_ID :=
override MLFLOW_RUN_ID :=
unexport MLFLOW_RUN_ID
endif
