"""Stages: the one table of what `make all` runs.

The verbs, the inputs, `make why`, the receipts and docker/stages.mk, which Make includes, take it from here.
"""

from dataclasses import dataclass

TUNED = "tuned.toml"
SHAPING = ("seed", "data", "model", "search")  # the keys that the trained model depends on
LINTED = r"""
    .*\.(py|pyi|ipynb) | (.*/)?(\.?ruff|pyproject)\.toml | (docker|scripts|docs|\.github|\.ci)/.* | [^/]*\.md |
    Makefile | compose\.yaml | zensical\.toml | \.yamllint | \.gitignore | \.pre-commit-config\.yaml | \.?mypy\.ini |
    setup\.cfg"""
TESTED = r"""
    (scripts|docker|\.github|\.ci|tests|docs)/.* | .*\.py | Makefile | compose\.yaml | (pyproject|zensical)\.toml |
    (README|CONTRIBUTING|CHANGELOG)\.md | \.(gitignore|gitattributes|actrc|yamllint) |
    \.pre-commit-config\.yaml"""
PROJECT = r"(?!docs/).*(?<!\.md)"  # what the tests of a project may read


@dataclass(frozen=True)
class Stage:
    """One stage.

    Parameters
    ----------
    module : str
        Its module; the last part of it is the name of the stage.
    shared : bool
        Whether it is the same for every pipeline.
    files : str
        The files that it reads in modelmake's own checkout, as a regular expression. In the project of a user it reads
        those of `PROJECT`.
    keys : tuple of str
        The keys of pipeline.toml that it reads. A stage with keys also reads the table, its own code and the user's.
    takes : tuple of str
        The files under build/ that it reads.
    follows : str
        The stage before it, which it goes on with.
    leaves : str
        The file under build/ that it writes beside its receipt.

    """

    module: str
    shared: bool = False
    files: str = ""
    keys: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    follows: str = ""
    leaves: str = ""

    @property
    def name(self) -> str:
        """The name, by which make knows it."""
        return self.module.rpartition(".")[2]


TRAINING = ("experiment", *SHAPING, "train")
TABLE = (
    Stage("modelmake.checks.lint", shared=True, files=LINTED),
    Stage("modelmake.checks.test", shared=True, files=TESTED),
    Stage("modelmake.search.tune", keys=(*TRAINING, "gate"), leaves=TUNED),
    Stage("modelmake.model.train", keys=TRAINING, takes=(TUNED,)),
    Stage("modelmake.gate.evaluate", keys=(*TRAINING, "gate"), follows="train"),
    Stage("modelmake.registry.register", keys=(*TRAINING, "gate", "registry"), follows="evaluate"),
    Stage(
        "modelmake.checks.summary",
        takes=tuple(f"{stage}.json" for stage in ("lint", "test", "train", "evaluate", "register")),
        follows="register",
        leaves="summary.txt",
    ),
)
STAGES = {stage.name: stage for stage in TABLE}
SHARED = tuple(name for name, stage in STAGES.items() if stage.shared)
CHAIN = tuple(name for name, stage in STAGES.items() if stage.keys and name != "tune")
LAST = "summary"  # of `make all`

INCLUDE = """\
# Written by `make docs` from scripts/modelmake/core/stages.py: the stages, in their order.
CHECKS := {checks}
CHAIN := {chain}
"""


def include() -> str:
    """Return the text of docker/stages.mk."""
    return INCLUDE.format(checks=" ".join(SHARED), chain=" ".join(CHAIN))
