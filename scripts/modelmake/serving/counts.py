"""Counts: what /metrics says, in Prometheus' text format; the workers add up through files."""

from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from modelmake.core import settings

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FACTS = {
    "modelmake_model_loaded_timestamp_seconds": "Time when the served model was loaded",
    "modelmake_registry_up": "1 if the registry answers",
    "modelmake_registry_checked_timestamp_seconds": "Time of the last answer of the registry",
    "modelmake_promotion_refused": "1 if the version that the alias names is not served",
    "modelmake_watch_alert": "1 if `make watch` raised an alert",
    "modelmake_watch_rows": "Rows of the last window of `make watch`",
    "modelmake_watch_timestamp_seconds": "Time of the last run of `make watch`",
}
NAMES = (
    *(
        "modelmake_requests_total",
        "modelmake_request_seconds",
        "modelmake_rows_total",
        "modelmake_requests_in_progress",
    ),
    *("modelmake_log_records_total", "modelmake_log_dropped_total"),
    *("modelmake_model_info", "modelmake_watch_effect", *FACTS),
)

REQUESTS = Counter("modelmake_requests", "Requests for predictions, by status", ["status"])
SECONDS = Histogram("modelmake_request_seconds", "Seconds from a whole request to its answer", buckets=BUCKETS)
ROWS = Counter("modelmake_rows", "Rows that got a prediction")
IN_PROGRESS = Gauge("modelmake_requests_in_progress", "Requests in progress", multiprocess_mode="livesum")
LOGGED = Counter("modelmake_log_records", "Records of the request log")
DROPPED = Counter("modelmake_log_dropped", "Dropped records of the request log")

Info = dict[str, str]  # of the served version, by label


class Facts(Collector):
    """The gauges that any worker knows.

    Parameters
    ----------
    facts : callable
        Returns the labels of the served version, the gauges in FACTS by name, and the drift by column.

    """

    def __init__(self, facts: Callable[[], tuple[Info, dict[str, float], dict[str, float]]]) -> None:
        """Keep the callable."""
        self.facts = facts

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        info, values, effects = self.facts()
        served = GaugeMetricFamily("modelmake_model_info", "The served version", labels=["name", "version", "run_id"])
        if info:
            served.add_metric(list(info.values()), 1)
        yield served
        for name, value in values.items():
            yield GaugeMetricFamily(name, FACTS[name], value=value)
        drift = GaugeMetricFamily("modelmake_watch_effect", "Drift of a column, as Cohen's w", labels=["column"])
        for column, effect in effects.items():
            drift.add_metric([column], effect)
        yield drift


def forget_the_dead() -> None:
    """Remove the requests in progress of workers that were killed."""
    for path in Path(settings.variable("PROMETHEUS_MULTIPROC_DIR")).glob("gauge_live*.db"):
        pid = path.stem.rpartition("_")[2]
        if not Path("/proc", pid).exists() and Path("/proc/self").exists():
            path.unlink(missing_ok=True)


def page(facts: Facts) -> bytes:
    """Return the text of /metrics."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(facts)
    return generate_latest(registry)
