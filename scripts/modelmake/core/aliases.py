"""The aliases of a registered model that modelmake moves; `registry.alias` names the one of a new version."""

CHAMPION = "champion"  # the version in production
PREVIOUS = "previous"  # the champion before it, which `make rollback` restores
