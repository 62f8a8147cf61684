"""The server with a login and TLS: they are required, and no output shows a password."""

import re
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

import docker
from tests.conftest import ROOT
from tests.support.checkout import Stack, free_port

pytestmark = pytest.mark.stack
OPEN = ("/health", "/static-files/x", "/api/3.0/mlflow/server-info", "/ajax-api/3.0/mlflow/server-info")  # by MLflow


class Closed(Stack):
    """A checkout whose server is started with AUTH=1 TLS=1."""

    shown = first = ""

    @property
    def url(self) -> str:
        """The server's address."""
        return f"https://localhost:{self.port}"

    @property
    def password(self) -> str:
        """The password of admin."""
        return (self.path / ".mlflow/password").read_text()

    def ask(self, path: str, *auth: str, method: str = "GET", **options: object) -> requests.Response:
        """Send a request, as `auth`, by the server's own certificate."""
        certificate = str(self.path / ".mlflow/tls.crt")
        return requests.request(method, self.url + path, auth=auth or None, verify=certificate, timeout=60, **options)


@pytest.fixture(scope="module")
def closed(
    engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, empty_store: Path
) -> Iterator[Closed]:
    """Give a running one; nothing of it is left afterwards."""
    found = Closed(tmp_path_factory.mktemp("closed") / "a check out", free_port()).fill(empty_store)
    done = found.make("up", "AUTH=1", "TLS=1")
    assert done.returncode == 0, done.stderr
    found.shown, found.first = done.stderr, found.password
    yield found
    found.make("distclean")
    assert found.left(engine) == set()
    assert not (found.path / ".mlflow").exists()


EXPERIMENTS = "/api/2.0/mlflow/experiments/search?max_results=1"


def test_the_password_is_shown_once_and_kept_for_its_owner(closed: Closed) -> None:
    """In a file with mode 600 that git ignores; `make up` again says nothing of it."""
    assert closed.shown.count(closed.first) == 1
    assert len(closed.first) == 32
    for name in ("password", "tls.key"):
        assert stat.S_IMODE((closed.path / ".mlflow" / name).stat().st_mode) == 0o600
    again = closed.make("up", "AUTH=1", "TLS=1")
    assert again.returncode == 0
    assert closed.password not in again.stdout + again.stderr
    assert again.stdout.splitlines()[-1] == closed.url
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=closed.path, capture_output=True, text=True, check=True
    )
    assert ".mlflow" not in status.stdout


def test_it_speaks_tls_and_nothing_else(closed: Closed) -> None:
    """TLS 1.2 at least, and the server's own port is published nowhere."""
    assert closed.ask(EXPERIMENTS, "admin", closed.password).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(closed.url + EXPERIMENTS, timeout=10, verify=True)
    with pytest.raises(requests.ConnectionError):
        requests.get(closed.url.replace("https", "http") + EXPERIMENTS, timeout=10)
    done = subprocess.run(
        ["openssl", "s_client", "-tls1_1", "-connect", f"localhost:{closed.port}"],
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Cipher is (NONE)" in done.stdout


def test_the_proxy_is_as_closed_as_the_server(closed: Closed, engine: docker.DockerClient) -> None:
    """Read-only, without root or capabilities, within limits."""
    for name, memory, pids in (("mlflow", 2 << 30, 512), ("tls", 256 << 20, 64)):
        container = engine.containers.get(f"{closed.project}-{name}-1")
        host = container.attrs["HostConfig"]
        assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert (host["Memory"], host["PidsLimit"]) == (memory, pids)
        bindings = host["PortBindings"] or {}
        assert all(each["HostIp"] == "127.0.0.1" for found in bindings.values() for each in found)
        assert bool(bindings) == (name == "tls")
    assert engine.networks.get(f"{closed.project}_stages").attrs["Internal"]


@pytest.mark.long
def test_every_route_asks_for_the_login(closed: Closed) -> None:
    """The server's own table of routes, without a password and with a wrong one: 401 from all but four."""
    table = subprocess.run(
        ["docker", "exec", "-i", f"{closed.project}-mlflow-1", "python", "-"],
        input=(ROOT / "tests/support/fixtures/routes.py").read_text(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    routes = [tuple(line.split()) for line in table.splitlines() if line.split()[0] not in ("HEAD", "OPTIONS")]
    assert len(routes) > 400
    assert ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x") in routes

    def refused(route: tuple[str, str]) -> bool:
        method, path = route
        asked = [closed.ask(path, method=method), closed.ask(path, "admin", "wrong", method=method)]
        return all(answer.status_code == 401 for answer in asked)

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(routes, pool.map(refused, routes), strict=True))
    assert {path for (_, path), closed_ in answers.items() if not closed_} == set(OPEN)


def test_stages_take_the_login_and_a_wrong_one_is_one_line(closed: Closed, empty_store: Path) -> None:
    """From .mlflow/password, or from the environment, which wins."""
    done = closed.make("register")
    assert done.returncode == 0, done.stderr
    wrong = closed.make("train", "FORCE=1", MLFLOW_TRACKING_PASSWORD="marked-wrong")  # noqa: S106
    assert wrong.returncode != 0
    assert "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN" in wrong.stderr
    assert "stopped: problem with the tracking server" in wrong.stderr
    assert "marked-wrong" not in wrong.stdout + wrong.stderr


def test_a_client_that_knows_the_certificate_comes_in_by_https(closed: Closed) -> None:
    """As other programs on this machine do, and stages that are told this address."""
    certificate = str(closed.path / ".mlflow/tls.crt")
    settings = {"MLFLOW_TRACKING_URI": closed.url, "MLFLOW_TRACKING_SERVER_CERT_PATH": certificate}
    settings |= {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": closed.password}
    for words in (["up"], ["train", "FORCE=1"]):
        done = closed.make(*words, **settings)
        assert done.returncode == 0, done.stderr
    run_id = closed.receipt("train")["run_id"]
    assert closed.ask(f"/api/2.0/mlflow/runs/get?run_id={run_id}", "admin", closed.password).status_code == 200


def test_no_secret_is_in_any_output(closed: Closed, engine: docker.DockerClient, tmp_path: Path) -> None:
    """Receipts, reports, logs, tags, artifacts, the backup, the image: none holds a password, token or key."""
    marked = {
        "GITHUB_TOKEN": "marked-github",
        "MLFLOW_TRACKING_TOKEN": "marked-token",
        "REGISTRY_PASSWORD": "marked-registry",
    }
    key, archive = tmp_path / "key", tmp_path / "backup"
    told = []
    for words in (
        ["train", "evaluate", "register", "FORCE=1"],
        ["promote"],
        ["history"],
        ["registry"],
        ["logs"],
        ["why"],
    ):
        found = {name: value for name, value in marked.items() if name != "MLFLOW_TRACKING_TOKEN"}
        done = closed.make(*words, **found)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout + done.stderr)
    failed = closed.make(
        "train", "FORCE=1", MLFLOW_TRACKING_URI=f"https://admin:{closed.password}@localhost:{closed.port}"
    )
    assert failed.returncode != 0
    assert "its certificate is not trusted" in failed.stderr
    told.append(failed.stdout + failed.stderr)
    done = closed.make("backup", f"TO={archive}", f"KEY={key}")
    assert done.returncode == 0, done.stderr
    told.append(done.stdout + done.stderr)
    image = engine.containers.get(f"{closed.project}-mlflow-1").image
    told += [str(image.attrs), str(image.history())]
    told += [str(engine.containers.get(f"{closed.project}-{name}-1").attrs) for name in ("mlflow", "tls")]
    told += [path.read_text(errors="replace") for path in (closed.path / "build").rglob("*") if path.is_file()]
    volume = f"{closed.project}_mlflow:/mlflow:ro"
    words = [
        "--rm",
        "--user=0",
        "-v",
        volume,
        image.tags[0],
        "bash",
        "-c",
        "cat /mlflow/mlflow.db; cd /mlflow/artifacts && find . -type f -exec cat {} +",
    ]
    state = subprocess.run(["docker", "run", *words], capture_output=True, check=True).stdout
    told.append(state.decode(errors="replace"))
    secrets = [*marked.values(), closed.password, re.search("AGE-SECRET-KEY-[0-9A-Z]+", key.read_text())[0]]
    secrets.append((closed.path / ".mlflow/tls.key").read_text().splitlines()[1])
    for secret in secrets:
        assert not [text[:200] for text in told if secret in text], secret[:12]
    assert stat.S_IMODE(archive.stat().st_mode) == stat.S_IMODE(key.stat().st_mode) == 0o600


OUTSIDE = "../../mlflow.db ..%2f..%2fmlflow.db %2e%2e/%2e%2e/mlflow.db /etc/passwd ..%5c..%5cmlflow.db"


@pytest.mark.parametrize("path", OUTSIDE.split())
def test_no_artifact_is_outside_of_the_artifacts(closed: Closed, path: str) -> None:
    """Neither read, listed, written nor deleted, even with the login."""
    login = ("admin", closed.password)

    def outside() -> str:
        find = "find /mlflow /src -path /mlflow/artifacts -prune -o -type f -print"
        find += "; sha256sum /mlflow/mlflow.db /etc/passwd"
        words = ["docker", "exec", f"{closed.project}-mlflow-1", "bash", "-c", find]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    before = outside()
    for method in ("GET", "PUT", "GET", "DELETE"):
        with requests.Session() as session:  # which sends the path unchanged
            request = requests.Request(method, closed.url, auth=login, data=b"x").prepare()
            request.url = f"{closed.url}/api/2.0/mlflow-artifacts/artifacts/{path}"
            answer = session.send(request, verify=str(closed.path / ".mlflow/tls.crt"), timeout=30)
        assert b"SQLite format 3" not in answer.content
        assert b"root:" not in answer.content
        assert answer.status_code != 500
        assert outside() == before, (method, path)
    listed = closed.ask(f"/api/2.0/mlflow-artifacts/artifacts?path={path}", *login)
    assert listed.status_code >= 400 or listed.json().get("files", []) == []


def test_pages_of_others_are_refused(closed: Closed) -> None:
    """A name that was rebound to 127.0.0.1, and a page that sends what changes something, even with the login."""
    login = ("admin", closed.password)
    assert closed.ask(EXPERIMENTS, *login, headers={"Host": f"evil.example:{closed.port}"}).status_code == 403
    create = "/api/2.0/mlflow/experiments/create"
    for origin in ("https://evil.example", "null", f"http://localhost.evil.example:{closed.port}"):
        headers = {"Origin": origin, "Content-Type": "text/plain"}
        answer = closed.ask(create, *login, method="POST", json={"name": "evil"}, headers=headers)
        assert answer.status_code == 403, origin
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert "access-control-allow-origin" not in closed.ask(create, method="OPTIONS", headers=asked).headers
    found = closed.ask("/api/2.0/mlflow/experiments/get-by-name?experiment_name=evil", *login)
    assert found.status_code == 404


@pytest.mark.long
def test_the_login_and_tls_stay_until_they_are_taken_away(closed: Closed) -> None:
    """`make down` and `make up` keep them; AUTH=0 TLS=0 opens the server, with all of its runs; =1 closes it again."""
    certificate = (closed.path / ".mlflow/tls.crt").read_text()
    assert closed.make("down").returncode == 0
    assert closed.make("up").stdout.splitlines()[-1] == closed.url
    assert closed.ask(EXPERIMENTS).status_code == 401
    done = closed.make("up", "AUTH=0", "TLS=0")
    plain = closed.url.replace("https", "http")
    assert done.stdout.splitlines()[-1] == plain, done.stderr
    assert requests.get(plain + EXPERIMENTS, timeout=10).status_code == 200
    before = closed.make("up", "AUTH=1", "TLS=1")
    assert before.stdout.splitlines()[-1] == closed.url
    assert before.stderr.count(closed.password) == 1
    assert (closed.path / ".mlflow/tls.crt").read_text() == certificate
    assert closed.ask(EXPERIMENTS, "admin", closed.password).status_code == 200


def test_a_wrong_choice_is_one_line(closed: Closed) -> None:
    """Neither a yes nor a no."""
    done = closed.make("up", "AUTH=maybe")
    assert "AUTH=maybe: not yes or no" in done.stderr
    assert done.returncode != 0
