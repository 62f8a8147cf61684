"""Release: check that VERSION can be released, and leave in build/release what docker/host/release.sh commits."""

from collections.abc import Iterator
from datetime import UTC, datetime

from modelmake.checks import docs, lint, reference
from modelmake.core import changelog, git, settings
from modelmake.core.changelog import CHANGELOG, PROJECT, UNRELEASED
from modelmake.core.errors import UserError
from modelmake.core.files import BUILD, write
from modelmake.core.lock import lockfile

FOLDER = BUILD / "release"


def main() -> None:
    """Leave the changelog, pyproject.toml and the text of the tag in build/release.

    Raises
    ------
    UserError
        The version, the changelog, the lock, a page, the branch or the tree is not as a release needs it; each is a
        line.

    """
    version = settings.make().version
    if not version:
        raise UserError("VERSION", "not set", "make release VERSION=0.1.0")
    print(f"▸ release · {version}", flush=True)
    text, project = changelog.read(), PROJECT.read_text(encoding="utf-8")
    if refusals := list(refused(version, text, project)):
        error, *rest = refusals
        error.others = tuple(rest)
        raise error
    day = datetime.now(UTC).date()
    entries = changelog.sections(text)[UNRELEASED]
    write(FOLDER / CHANGELOG, changelog.released(text, version, day))
    write(FOLDER / PROJECT, changelog.versioned(project, version))
    write(FOLDER / "notes.md", f"modelmake {version}\n\n{entries}\n")
    print(f"changelog  {entries.count(chr(10) + '- ') + entries.startswith('- ')} entries of {version}, {day}")


def refused(version: str, text: str, project: str) -> Iterator[UserError]:
    """Yield why a version cannot be released, given the texts of the changelog and of pyproject.toml."""
    if problem := git.without_commit():
        yield UserError("git", problem, "git clone it; a downloaded archive has no commits")
        return
    yield from _refused_version(version, text)
    yield from _refused_tree()
    if "- " not in changelog.sections(text).get(UNRELEASED, ""):
        yield UserError(str(CHANGELOG), "no entries under [Unreleased]", "say what changed for users")
    differences = "; ".join(lint.disagreements(project, lockfile().read_text(encoding="utf-8")))
    if differences:
        yield UserError(str(lockfile()), differences, "make lock")
    if pages := "; ".join([*reference.stale(), *docs.broken()]):
        yield UserError("docs", pages, "make docs")


def _refused_version(version: str, text: str) -> Iterator[UserError]:
    try:
        new = changelog.parsed(version)
    except UserError as error:
        yield error
        return
    if git.output("tag", "--list", f"v{version}"):
        yield UserError(f"VERSION={version}", f"the tag v{version} exists", "choose a greater version")
        return
    tags = (tag.removeprefix("v") for tag in git.output("tag", "--list", "v*").splitlines())
    known = [name for name in (*changelog.sections(text), *tags) if changelog.VERSION.fullmatch(name)]
    last = max(known, key=changelog.parsed, default=None)
    if last and new <= changelog.parsed(last):
        yield UserError(f"VERSION={version}", f"not greater than {last}, the last release", "choose a greater version")


def _refused_tree() -> Iterator[UserError]:
    branch = git.output("symbolic-ref", "--quiet", "--short", "HEAD")
    default = git.output("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").partition("/")[2]
    if branch not in ((default,) if default else ("main", "master")):
        yield UserError("git", f"the branch is {branch or 'detached'}", f"git switch {default or 'main'}")
    if changed := git.output("status", "--porcelain").splitlines():
        count = f"{len(changed)} file{'s' * (len(changed) > 1)}"
        yield UserError(
            "git", f"{count} not committed, such as {changed[0].split(maxsplit=1)[1]}", "commit, or git stash"
        )
