"""The numbers for Prometheus, and whether the broker works, over HTTP.

Owns the names of the metrics and the server's threads, which read the numbers and change none. Does not know what is
counted when (`watching`). Loaded when metrics are served, since the library for their form need not be installed.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from ..common.errors import InputError
from .endpoints import parse_place
from .footprint import disk_free_bytes
from .metrics import Histogram, Metrics
from .sockets import PortBusy

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

try:
    from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, make_wsgi_app
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
    from prometheus_client.registry import Collector
except ImportError:
    raise InputError(
        "Metrics need the library prometheus-client, which is not installed. Install it with:"
        " pip install 'zeromq-chat[metrics]', or leave out --metrics."
    ) from None

PATIENCE = 2.0
"""Seconds that a question after the broker's health waits for its loop."""
SLOW_READER = 5.0
"""Seconds after which a silent HTTP client is hung up on."""
MOST_READERS = 16
"""HTTP clients that are answered at a time; others are hung up on."""

COUNTERS = (
    ("frames_received", "Frames that came from clients."),
    ("bytes_received", "Bytes of these."),
    ("messages", "Messages that were stored and acked."),
    ("duplicates", "Messages that were known already, and acked again."),
    ("deliveries", "Other people who were in a message's room when it was stored, summed up."),
    ("frames_sent", "Frames that went to one client each (ROUTER)."),
    ("bytes_sent", "Bytes of these."),
    ("frames_published", "Frames that went to all who listen to a room (PUB), each counted once."),
    ("bytes_published", "Bytes of these."),
    ("replays", "Pages of history that were sent: what a client had missed, or begins with."),
    ("replayed", "Messages in these."),
    (
        "gaps",
        "Pages of these that filled a gap: what the network had dropped on its way to somebody who had all before.",
    ),
    ("gap_entries", "Messages in the gaps."),
    ("dropped", "Frames that were dropped because their reader is too slow; replay brings them again."),
    ("commits_failed", "Commits that could not be stored."),
    ("log_lost", "Lines of the log that were not written."),
)
GAUGES = (
    ("sessions", "Sessions of clients."),
    ("users", "Keys that have a session."),
    ("rooms", "Rooms that there are, direct ones included."),
    ("connections", "Connections to ROUTER."),
    ("listeners", "Connections to PUB."),
    ("storing", "1 when the last commit succeeded, 0 when it failed."),
)
HISTOGRAMS = (
    ("ack_seconds", "From a message's arrival to its ack."),
    ("commit_seconds", "How long a commit took."),
    ("commit_changes", "How much one commit held."),
    ("turn_seconds", "How long the loop was busy with what one look at the network brought."),
)


class Numbers(Collector):
    """What is exported of the numbers."""

    def __init__(self, metrics: Metrics, gate: Mapping[str, int], folder: Path, history: Callable[[], int]) -> None:
        self._metrics = metrics
        self._gate = gate
        self._folder = folder
        self._history = history
        """Tells its bytes."""

    def collect(self) -> Iterator[Any]:
        """All metrics."""
        metrics = self._metrics
        yield InfoMetricFamily("zchat_broker", "Which broker this is.", {"version": version("zeromq-chat")})
        for name, words in COUNTERS:
            yield CounterMetricFamily(f"zchat_{name}", words, getattr(metrics, name))
        for name, words in GAUGES:
            yield GaugeMetricFamily(f"zchat_{name}", words, getattr(metrics, name))
        for name, words in HISTOGRAMS:
            yield HistogramMetricFamily(f"zchat_{name}", words, *_buckets(getattr(metrics, name)))
        for label, name, words, counts in (
            ("code", "refusals", "Commands that were refused.", metrics.refusals),
            ("status", "handshakes", "Answers of the gate: 200 in, 400 no, 500 not now.", self._gate),
        ):
            family = CounterMetricFamily(f"zchat_{name}", words, labels=[label])
            for value, count in counts.copy().items() if isinstance(counts, dict) else ():
                family.add_metric([value], count)
            yield family
        age = time.monotonic() - metrics.turned if metrics.turned else 0.0
        yield GaugeMetricFamily("zchat_loop_age_seconds", "Since the loop last looked at the network.", age)
        size, free = self._history(), disk_free_bytes(self._folder)
        yield GaugeMetricFamily("zchat_history_bytes", "What the history takes on the disk, or its database.", size)
        yield GaugeMetricFamily("zchat_disk_free_bytes", "What is free on the disk of the broker's folder.", free)


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    counts = histogram.counts.copy()
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return [(bound, sum(counts[: number + 1])) for number, bound in enumerate(bounds)], histogram.sum


class _Server(ThreadingMixIn, WSGIServer):
    """Answers a few at a time: who keeps connections open takes neither threads nor descriptors from the chat."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._seats = threading.BoundedSemaphore(MOST_READERS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread that answers, or hang up."""
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Somebody hung up, or said nothing for too long."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    timeout = SLOW_READER

    def log_message(self, format: str, *args: object) -> None:
        """Not in the log: somebody asks every few seconds."""

    def address_string(self) -> str:
        """Without asking a name server."""
        return str(self.client_address[0])


class Exporter:
    """An HTTP server in threads of its own; raises `ZchatError` when it cannot listen there."""

    def __init__(
        self,
        place: str,
        metrics: Metrics,
        gate: Mapping[str, int],
        folder: Path,
        history: Callable[[], int],
        trouble: Callable[[float], str],
    ) -> None:
        host, port = parse_place(place, "--metrics")
        registry = CollectorRegistry()
        registry.register(Numbers(metrics, gate, folder, history))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._pages: WSGIApplication = make_wsgi_app(registry)
        self._trouble = trouble
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = make_server(host, port, self._answer, kind, _Quiet)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PortBusy(f"Metrics cannot be served at {place} ({reason}). Name another place.") from None
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._server.server_port}/metrics"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="zchat-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environment.get("PATH_INFO")
        if path == "/metrics":
            return self._pages(environment, start)
        if path == "/healthz":
            trouble = self._trouble(PATIENCE)
            status, text = (
                ("503 Service Unavailable", trouble) if trouble else ("200 OK", "a message can be stored now")
            )
        else:
            status, text = "404 Not Found", "here are /metrics and /healthz"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{text}\n".encode()]
