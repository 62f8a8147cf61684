# Written by `make docs` from scripts/modelmake/core/stages.py: the stages, in their order.
CHECKS := lint test
CHAIN := train evaluate register
