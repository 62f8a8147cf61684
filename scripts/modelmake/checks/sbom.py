"""Sbom: the contents of the image as CycloneDX: the lock's packages with their hashes, and Debian's packages."""

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from modelmake.core import files, git, provenance, settings
from modelmake.core.lock import lockfile

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)((?:.*\\\n\s+--hash=sha256:[0-9a-f]{64})*)", re.M)


def locked(text: str) -> Iterator[Component]:
    """Yield every package of a lock file, with the SHA-256 of each artifact."""
    for name, version, rest in PINNED.findall(text):
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("pypi", name=name, version=version),
            bom_ref=f"pypi:{name}",
            hashes=[
                HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in re.findall(r"sha256:(\w{64})", rest)
            ],
        )


def debian() -> Iterator[Component]:
    """Yield every Debian package of the image; on a host, none."""
    if not provenance.image() or not shutil.which("dpkg-query"):
        return
    words = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\n"]
    for line in subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines():
        name, version, architecture = line.split()
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("deb", "debian", name, version, {"arch": architecture}),
            bom_ref=f"deb:{name}:{architecture}",
        )


def bom(text: str) -> Bom:
    """Return the bill of materials; the same lock in the same image gives the same bytes."""
    components = [*locked(text), *debian()]
    product = settings.product()
    folder = product if lockfile().is_relative_to(product) else Path()  # modelmake has commits of its own
    commit = git.output("log", "-1", "--format=%ct", "--", str(lockfile().relative_to(folder)), of=folder)
    name, _, tag = (provenance.image() or "modelmake:host").rpartition(":")
    image = Component(type=ComponentType.CONTAINER, name=name, version=tag, bom_ref="image")
    materials = Bom(components=components, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"{image.version} {text}"))
    materials.metadata.timestamp = datetime.fromtimestamp(int(commit or 0), UTC)
    materials.metadata.component = image
    materials.register_dependency(image, components)
    return materials


def main() -> None:
    """Write build/sbom.json."""
    materials = bom(lockfile().read_text(encoding="utf-8"))
    text = JsonV1Dot6(materials).output_as_string()
    files.replace("sbom.json", json.dumps(json.loads(text), indent=1) + "\n")
    kinds = [component.purl.type for component in materials.components if component.purl]
    print(f"build/sbom.json: {kinds.count('pypi')} packages of the lock, {kinds.count('deb')} of Debian")
