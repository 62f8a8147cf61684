"""The dashboard: what Prometheus is told, asks, stores and alerts about, and what Grafana shows of it."""

import itertools
import json
import os
import re
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from modelmake.serving import app, counts
from tests.conftest import ROOT
from tests.support.checkout import free_port

HERE = ROOT / "docker/dashboard"
MODEL = json.loads((HERE / "model.json").read_text())
RULES = [rule for group in yaml.safe_load((HERE / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
TOKEN = "s3cret"  # noqa: S105
# An engine with a scoring server of two pipelines and a Prometheus; what it runs on is in the file `system`.
ENGINE = """\
#!/bin/sh
case "$*" in
  inspect*) echo true ;;
  ps*) printf '%s\\n' open closed ;;
  info*) cat "${0%/*}/system" ;;
  run*) exit 1 ;; # of what sees the folder
  *) echo "$*" >>"${0%/*}/asked" ;;
esac
"""
# What a scoring server of one worker shows at /metrics, after a request and a window of `make watch` with an alert.
SHOWN = """\
import sys
from modelmake.serving import counts
counts.REQUESTS.labels("200").inc()
counts.SECONDS.observe(0.01)
for count in (counts.ROWS, counts.IN_PROGRESS, counts.LOGGED, counts.DROPPED):
    count.inc()
info = {"name": "iris", "version": "3", "run_id": "0"}
facts = counts.Facts(lambda: (info, dict.fromkeys(counts.FACTS, 1.0), {"size": 0.3}))
sys.stdout.buffer.write(counts.page(facts))
"""


def tool(name: str) -> str:
    """Return the path of a program of Prometheus, or skip."""
    if not (path := shutil.which(name)):
        pytest.skip(f"no {name} here (on Debian and Ubuntu: apt-get install prometheus)")
    return path


def expressions() -> list[str]:
    """Return what the panels and marks of the dashboard ask, with Grafana's variables filled in."""
    asked = [target["expr"] for panel in MODEL["panels"] for target in panel["targets"]]
    asked += [mark["expr"] for mark in MODEL["annotations"]["list"]]
    return [text.replace("$__rate_interval", "30s").replace("$pipeline", ".+") for text in asked]


def named(text: str) -> set[str]:
    """Return the metrics that an expression names; the series of a histogram count as the histogram."""
    return {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"\bmodelmake_\w+", text)}


class Checkout:
    """A checkout with the scripts of docker/ and two scoring servers, of which one has a token and a certificate."""

    def __init__(self, path: Path) -> None:
        """Lay it out."""
        self.path = path
        shutil.copytree(ROOT / "docker", path / "docker")
        shutil.copy(ROOT / "Makefile", path)
        for name, text in {"docker": ENGINE, "uname": "#!/bin/sh\necho Linux\n"}.items():
            (path / "bin").mkdir(exist_ok=True)
            (path / "bin" / name).write_text(text)
            (path / "bin" / name).chmod(0o755)
        for name in ("open", "closed"):
            (path / ".serve" / name).mkdir(parents=True)
            (path / ".serve" / name / "port").write_text(f"{free_port()}\n")
        closed = path / ".serve/closed"
        (closed / "token").write_text(TOKEN)
        words = "req -x509 -nodes -days 2 -newkey rsa:2048 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        made = ["openssl", *words.split(), "-keyout", str(closed / "tls.key"), "-out", str(closed / "tls.crt")]
        subprocess.run(made, check=True, capture_output=True)

    def refresh(self, system: str = "Debian GNU/Linux") -> Path:
        """Tell Prometheus which servers there are, on an engine on this system; return its configuration."""
        (self.path / "bin/system").write_text(system)
        environment = {"PATH": f"{self.path / 'bin'}:{os.environ['PATH']}", "HOME": str(self.path)}
        script = str(self.path / "docker/dashboard/dashboard.sh")
        # Where `make dashboard` never ran, there is no such folder, and a refresh does nothing.
        (self.path / ".dashboard").mkdir(mode=0o700, exist_ok=True)
        done = subprocess.run([script, "refresh"], env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return self.path / ".dashboard/prometheus/prometheus.yaml"

    def up(self) -> subprocess.CompletedProcess[str]:
        """Start the dashboard."""
        environment = {"PATH": f"{self.path / 'bin'}:{os.environ['PATH']}", "HOME": str(self.path)}
        script = str(self.path / "docker/dashboard/dashboard.sh")
        return subprocess.run([script, "up"], env=environment, capture_output=True, text=True, check=False)

    def port(self, name: str) -> int:
        """Return the port of a scoring server."""
        return int((self.path / ".serve" / name / "port").read_text())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with two scoring servers."""
    return Checkout(tmp_path / "a check out")


def test_an_engine_that_does_not_see_the_folder_starts_nothing(checkout: Checkout) -> None:
    """Prometheus and Grafana would start with empty folders; the line is that of the other commands."""
    done = checkout.up()
    assert done.returncode == 2
    assert f"error: docker: the engine does not see the folder {checkout.path} (mount it" in done.stderr
    assert not [line for line in (checkout.path / "bin/asked").read_text().splitlines() if line.startswith("compose")]
    assert not (checkout.path / ".dashboard/prometheus").exists()


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The text that a scoring server shows, of a process of its own, as the library keeps its counts for it."""
    folder = tmp_path_factory.mktemp("counts")
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT / "scripts")}
    return subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, check=True).stdout


class Scorer(BaseHTTPRequestHandler):
    """A scoring server, as far as Prometheus sees it."""

    text: bytes
    token = ""

    def do_GET(self) -> None:
        """Answer to the path, the names and the token that a scoring server answers to."""
        host = self.headers["Host"].rpartition(":")[0]
        given = self.headers.get("Authorization", "")
        allowed = self.path == "/metrics" and host in app.HOSTS and given == (f"Bearer {self.token}" * bool(self.token))
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(self.text if allowed else b"")

    def log_message(self, *_words: object) -> None:
        """Print nothing."""


@pytest.fixture
def scorers(checkout: Checkout, exposition: bytes) -> Iterator[Checkout]:
    """The checkout, whose scoring servers answer: one to everybody, one by TLS to who has the token."""
    servers = []
    for name, token in (("open", ""), ("closed", TOKEN)):
        handler = type(name, (Scorer,), {"text": exposition, "token": token})
        server = ThreadingHTTPServer(("127.0.0.1", checkout.port(name)), handler)
        if token:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*(checkout.path / ".serve/closed" / file for file in ("tls.crt", "tls.key")))
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
    yield checkout
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prometheus(scorers: Checkout, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus with our configuration, except that it looks every second."""
    config = scorers.refresh()
    config.write_text(re.sub(r"(_(?:interval|timeout)): \d+s", r"\1: 1s", config.read_text()))
    url = f"127.0.0.1:{free_port()}"
    words = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'stored'}", f"--web.listen-address={url}"]
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen([tool("prometheus"), *words], stdout=log, stderr=log, cwd=tmp_path)
        yield f"http://{url}"
        process.terminate()
        process.wait(10)


def asked(prometheus: str, path: str, **parameters: str) -> Any:
    """Return what Prometheus answers; nothing as long as it does not."""
    try:
        answer = requests.get(f"{prometheus}/api/v1/{path}", params=parameters, timeout=5)
    except requests.ConnectionError:
        return None
    return answer.json()["data"] if answer.status_code == 200 else None


def test_prometheus_gets_every_metric_and_each_panel_shows_something(prometheus: str) -> None:
    """Both servers are up, with any doors; the metrics of both arrive, and no panel stays empty."""
    missing = panels = expressions()[: -len(MODEL["annotations"]["list"])]  # a promotion is marked after a minute
    for _ in range(60):
        missing = [text for text in panels if not (asked(prometheus, "query", query=text) or {}).get("result")]
        if not missing:
            break
        time.sleep(0.5)
    targets = (asked(prometheus, "targets") or {}).get("activeTargets", [])
    assert {target["labels"]["pipeline"]: target["lastError"] for target in targets} == {"open": "", "closed": ""}
    assert missing == []
    arrived = asked(prometheus, "query", query='count by (__name__, pipeline) ({__name__=~"modelmake_.+"})')["result"]
    for pipeline in ("open", "closed"):
        of = {one["metric"]["__name__"] for one in arrived if one["metric"]["pipeline"] == pipeline}
        assert named(" ".join(of)) == set(counts.NAMES)
    health = {rule["health"] for group in asked(prometheus, "rules")["groups"] for rule in group["rules"]}
    assert health == {"ok"}


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    """A metric that a scoring server loses or gets is one that the dashboard has to lose or show."""
    assert named(" ".join(expressions())) == set(counts.NAMES)
    assert named(" ".join(rule["expr"] for rule in RULES)) <= set(counts.NAMES)


def test_panels_are_drawn_from_prometheus_and_lie_beside_each_other() -> None:
    """Each has an id and a place of its own, on Grafana's grid of 24 columns, and asks the one source of data."""
    [source] = yaml.safe_load((HERE / "datasource.yaml").read_text())["datasources"]
    panels = MODEL["panels"]
    asking = [*panels, *MODEL["annotations"]["list"], *MODEL["templating"]["list"]]
    assert {(one["datasource"]["type"], one["datasource"]["uid"]) for one in asking} == {("prometheus", source["uid"])}
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} <= {"stat", "timeseries", "state-timeline", "table"}  # Grafana's own
    cells = [
        cell
        for place in (panel["gridPos"] for panel in panels)
        for cell in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_expressions_can_be_parsed(tmp_path: Path) -> None:
    """Those of the panels and of the marks; promtool reads expressions in a file of rules."""
    rules = [{"record": f"panel:{place}", "expr": text} for place, text in enumerate(expressions())]
    path = tmp_path / "panels.json"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([tool("promtool"), "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_prometheus_takes_the_configuration(checkout: Checkout) -> None:
    """With the rules, and with the jobs of the servers that run."""
    words = [tool("promtool"), "check", "config", str(checkout.refresh())]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


SLOW = [("1", "0x30"), ("2.5", "0+60x30"), ("+Inf", "0+60x30")]
FAST = [("1", "0+60x30"), ("2.5", "0+60x30"), ("+Inf", "0+60x30")]


@pytest.mark.parametrize(
    ("alert", "metric", "bad", "good", "quiet", "fires"),
    [
        ("ScorerDown", "up", "0x30", "1x30", "1m", "3m"),
        ("RegistryUnreachable", "modelmake_registry_up", "0x30", "1x30", "9m", "11m"),
        ("PromotionRefused", "modelmake_promotion_refused", "1x30", "0x30", "0m", "2m"),
        ("LogDropped", "modelmake_log_dropped_total", "0 0 5x30", "0x30", "1m", "3m"),
        ("SlowRequests", "modelmake_request_seconds_bucket", SLOW, FAST, "9m", "13m"),
        ("DataMoved", "modelmake_watch_alert", "0 0 1x30", "0x30", "1m", "3m"),
    ],
)
def test_an_alert_fires_for_the_pipeline_that_has_the_problem(
    tmp_path: Path, alert: str, metric: str, bad: Any, good: Any, quiet: str, fires: str
) -> None:
    """Not at once, and not for the other pipeline."""
    series = []
    for pipeline, values in (("bad", bad), ("good", good)):
        for bucket, text in values if isinstance(values, list) else [("", values)]:
            series.append({"series": f'{metric}{{pipeline="{pipeline}", le="{bucket}"}}', "values": text})
    firing = f'sum by (pipeline) (ALERTS{{alertname="{alert}", alertstate="firing"}})'
    samples = [{"labels": '{pipeline="bad"}', "value": 1}]
    checks = [{"expr": firing, "eval_time": quiet}, {"expr": firing, "eval_time": fires, "exp_samples": samples}]
    tests = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    path = tmp_path / "test.json"
    path.write_text(json.dumps({"rule_files": [str(HERE / "rules.yaml")], "tests": [tests]}))
    done = subprocess.run([tool("promtool"), "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_to_do() -> None:
    """In a line that names the pipeline, and one with the fix."""
    for rule in RULES:
        assert "{{ $labels.pipeline }}" in rule["annotations"]["summary"], rule["alert"]
        assert rule["annotations"]["fix"]
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_tokens_are_readable_by_the_caller_only(checkout: Checkout) -> None:
    """Prometheus, which is another user in its container, reads its copy there; on this machine no other user does."""
    checkout.refresh()
    state = checkout.path / ".dashboard"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    token = state / "prometheus/closed/token"
    assert token.read_text() == TOKEN
    assert token.stat().st_mode & stat.S_IROTH


def test_a_removed_token_is_forgotten(checkout: Checkout) -> None:
    """After `make serve AUTH=0 TLS=0` Prometheus asks without, and keeps no copy."""
    assert "credentials_file" in checkout.refresh().read_text()
    for name in ("token", "tls.key", "tls.crt"):
        (checkout.path / ".serve/closed" / name).unlink()
    config = checkout.refresh()
    assert not re.search("credentials_file|https", config.read_text())
    assert list((config.parent / "closed").iterdir()) == []


@pytest.mark.parametrize(("system", "host"), [("Debian GNU/Linux", "127.0.0.1"), ("Docker Desktop", "scorer")])
def test_servers_are_reached_on_linux_and_on_docker_desktop(checkout: Checkout, system: str, host: str) -> None:
    """On the loopback of this machine, by a name that a scoring server answers to."""
    jobs = yaml.safe_load(checkout.refresh(system).read_text())["scrape_configs"]
    targets = {target for job in jobs for each in job["static_configs"] for target in each["targets"]}
    assert targets == {f"{host}:{checkout.port(name)}" for name in ("open", "closed")}
    assert host in app.HOSTS


def test_the_compose_file_is_valid() -> None:
    """By the schema of the compose specification."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*words, str(HERE / "compose.yaml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.stack
@pytest.mark.parametrize("overlay", [None, "host.yaml"])
def test_both_containers_are_closed(overlay: str | None, tmp_path: Path) -> None:
    """No privileges, no writable image, limits, an image of one content, and no address except loopback."""
    if not shutil.which("docker"):
        pytest.skip("no docker here")
    files = [HERE / "compose.yaml", *([HERE / overlay] if overlay else [])]
    words = ["docker", "compose", "--env-file", "/dev/null", "--project-directory", str(tmp_path)]
    words += [word for file in files for word in ("--file", str(file))]
    environment = os.environ | {"MODELMAKE_LISTEN": "127.0.0.1" if overlay else "0.0.0.0"}  # noqa: S104
    done = subprocess.run(
        [*words, "config", "--format=json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert set(services) == {"prometheus", "grafana"}
    for service in services.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["mem_limit"] == service["memswap_limit"]
        assert service["pids_limit"] > 0
        assert re.fullmatch(r"[a-z]+/[a-z]+:v?[\d.]+@sha256:[0-9a-f]{64}", service["image"])
        assert all(volume.get("read_only") or volume["type"] == "volume" for volume in service["volumes"])
        if overlay:
            assert service["network_mode"] == "host"
            assert not service.get("ports")
        else:
            assert [port["host_ip"] for port in service["ports"]] == ["127.0.0.1"]
    if overlay:
        assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
        assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
