# `make all` and its stages. Make knows their order (docker/stages.mk has their names); what runs is what build/why, the
# answer of `make why`, says when it is a stage's turn (docker/host/why.sh). Dates of files mean nothing.
STAGES := $(CHECKS) $(CHAIN)
several := $(wildcard pipelines/*.toml)
asked := $(if $(several),$(goals:all-pipelines=lint test),$(goals:all-pipelines=all))
named := $(filter $(CHAIN),$(asked:all=$(CHAIN)))
checks := $(filter $(CHECKS),$(asked:all=lint test))
tuning := $(filter tune,$(goals))
forced := $(strip $(if $(MODELMAKE_FORCE)$(call setting,ARGS),$(checks) $(named) $(tuning)))
# The answer of why.sh, read once each time that it was asked, as words such as would=train and nothing=tune.
answer :=
read = $(if $(answer),,$(eval answer := read $(shell sed -n -e 's/^\([a-z]*\) *would run: .*/would=\1/p' \
  -e 's/^\([a-z]*\) *nothing to do: .*/nothing=\1/p' $(folder)/why 2>/dev/null || \
  echo $(addprefix would=,$(STAGES) tune))))
said = $(read)$(patsubst $1=%,%,$(filter $1=%,$(answer)))
due = $(filter $1,$(forced) $(call said,would))
why = $(eval answer :=)$(product)/docker/host/why.sh $(call quoted,$(if $(call setting,IMAGE_REPO),,$(image))) $(RUN)
ran :=
run = $(eval ran += $1)$(RUN) python -m modelmake $1
fresh = $(if $(filter $(or $1,$@),$(ran)),,$(info $@: up to date (FORCE=1 runs it anyway)))
modules := $(filter-out $(CHAIN),$(call listing,module))
steps := judge judge-again judge-chain claims run-tune run-chain $(CHECKS:%=run-%)
.PHONY: $(steps)
$(steps): access =
$(steps): override SHELL := $(product)/docker/shell
run-tune: access = mlflow cluster
run-chain shell up promote rollback history registry reproduce: access = mlflow
lock add audit: access = outside
comment alert approval exposure: access = github
format new: access = checkout
fetch: access = sources
smoke: access = scorer
watch: access = mlflow log tables
predict: access = mlflow tables output

judge: | $(environment) $(if $(named),claims) # before lint and the tests
	@$(why)
$(CHECKS:%=run-%): run-%: | judge
	@$(if $(call due,$*),echo "▸ $*" && $(call run,$*))

# After `make all` has linted and tested, and `make fetch train` has the new snapshot, also with -j. If nothing has run
# since the judge was asked, the answer is the same.
judge-again: | claims $(if $(checks),judge) $(if $(filter all,$(asked)),$(CHECKS:%=run-%)) $(filter fetch,$(goals))
	@$(if $(if $(checks),$(filter $(CHECKS),$(ran))$(filter fetch,$(goals)),first),$(why))
claims: | $(environment)
	@$(product)/docker/server/claims.sh $(CHAIN)

# Where there is no search, only `make tune` alone says so. What `tune` finds is an input of `train`.
run-tune: | judge-again
	@$(if $(call due,tune)$(if $(filter-out tune,$(goals)),,$(filter tune,$(call said,nothing))),\
	  echo "▸ tune" && $(call run,tune))
judge-chain: | judge-again $(if $(tuning)$(filter all,$(asked)),run-tune)
	@$(if $(filter tune,$(ran)),$(why))
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
