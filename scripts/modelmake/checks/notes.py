"""Notes: what the changelog says of the version of this checkout, for the page of its release."""

from modelmake.checks.release import FOLDER
from modelmake.core import changelog, settings
from modelmake.core.errors import UserError
from modelmake.core.files import write


def main() -> None:
    """Print the notes, and leave them in build/release/notes.md.

    Raises
    ------
    UserError
        VERSION, such as the tag v0.1.0, is not the version of this checkout, or the changelog does not have it.

    """
    version, asked = changelog.current(), settings.make().version.removeprefix("v")
    if asked and asked != version:
        raise UserError(f"VERSION={asked}", f"this checkout is {version}", f"git checkout v{asked}")
    notes = changelog.sections(changelog.read()).get(version)
    if notes is None:
        raise UserError(str(changelog.CHANGELOG), f"no version {version}", f"make release VERSION={version}")
    write(FOLDER / "notes.md", f"{notes}\n")
    print(notes)
