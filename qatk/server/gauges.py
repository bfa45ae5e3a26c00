"""What a server counts, in the form of Prometheus."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import datetime, timezone

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
TYPE = CONTENT_TYPE_LATEST


class Gauges:
    """The figures of one server.

    Attributes:
        requests: by route and status.
        seconds: of requests by route and model, from the first byte of the body to the answer; without a model where
            none is asked.
        questions: answered, by model.
        waiting: questions that no worker has taken yet.
        batches: questions answered at once.
        given_up: questions that nobody waited for any more.
        left: requests whose client went away.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "qatk_requests", "Requests by route and status.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "qatk_request_seconds",
            "Time to answer a request.",
            ["route", "model"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self.questions = Counter("qatk_questions", "Questions answered.", ["model"], registry=self.registry)
        self.waiting = Gauge("qatk_questions_waiting", "Questions in the queue.", registry=self.registry)
        self.batches = Histogram(
            "qatk_batch_questions",
            "Questions answered at once.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self.given_up = Counter(
            "qatk_questions_given_up", "Questions that nobody waited for any more.", registry=self.registry
        )
        self.left = Counter("qatk_clients_left", "Requests whose client went away.", registry=self.registry)
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def text(self) -> bytes:
        """All figures, for Prometheus to read."""
        return generate_latest(self.registry)


def log(text: str) -> None:
    """A line on standard error, with the time; it is lost where nobody reads there any more."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{now} {text}\n")
