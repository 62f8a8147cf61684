"""Sbom: what the image holds, as CycloneDX: every package of the lock with its hashes, and Debian's beside them."""

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from scripts.core import provenance, receipt

PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)((?:.*\\\n\s+--hash=sha256:[0-9a-f]{64})*)", re.M)


def locked(text: str) -> Iterator[Component]:
    """Yield every package of a lock file, with the SHA-256 of each of its artifacts."""
    for name, version, rest in PINNED.findall(text):
        yield Component(
            type=ComponentType.LIBRARY,
            name=name,
            version=version,
            purl=PackageURL("pypi", name=name, version=version),
            bom_ref=f"pypi:{name}",
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in re.findall(r"sha256:(\w{64})", rest)],
        )


def debian() -> Iterator[Component]:
    """Yield every Debian package of the image; none on a host, whose packages are no part of it."""
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
    """Return the bill of materials; the same lock in the same image gives the same one, to the byte."""
    components = [*locked(text), *debian()]
    commit = provenance.git("log", "-1", "--format=%ct", "--", str(provenance.LOCK))
    name, _, tag = (provenance.image() or "modelmake:host").rpartition(":")
    image = Component(type=ComponentType.CONTAINER, name=name, version=tag, bom_ref="image")
    found = Bom(components=components, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, f"{image.version} {text}"))
    found.metadata.timestamp = datetime.fromtimestamp(int(commit or 0), UTC)
    found.metadata.component = image
    found.register_dependency(image, components)
    return found


def main() -> None:
    """Leave build/sbom.json."""
    found = bom(provenance.LOCK.read_text(encoding="utf-8"))
    receipt.replace("sbom.json", json.dumps(json.loads(JsonV1Dot6(found).output_as_string()), indent=1) + "\n")
    kinds = [each.purl.type for each in found.components]
    print(f"build/sbom.json: {kinds.count('pypi')} packages of the lock, {kinds.count('deb')} of Debian")
