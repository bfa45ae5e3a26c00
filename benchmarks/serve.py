"""A server under load. Run: python benchmarks/serve.py [--soak SECONDS].

A model of MiniLM's size with a head that was never trained (the work is that of any such model) answers questions of
the mini set, or generated ones, to 1, 8, 32 and 128 clients, each on a connection of its own. Every answer must be the
one that the model gives offline, to the byte. ``--soak`` keeps 8 clients asking and says how memory grows; beside them
two send their questions bit by bit, and two go away before they are answered or have asked.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import urlsplit

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as the server's batches have, so that scores are comparable

import numpy as np
import psutil
from common import mini_or_generated, to_examples

CLIENTS, SECONDS = (1, 8, 32, 128), 15.0
PAIRS = 200
Pair = tuple[str, str]


@dataclass(frozen=True)
class Load:
    """What some clients saw.

    Attributes:
        clients: at once.
        seconds: from the first request to the last answer.
        times: of each request that was answered, in seconds.
        errors: requests that were not.
        different: answers that are not the offline ones.
    """

    clients: int
    seconds: float
    times: Sequence[float]
    errors: int
    different: int

    def row(self) -> str:
        p50, p99 = 1000 * np.percentile(self.times, [50, 99])
        rate = len(self.times) / self.seconds
        cells = (f"{self.clients}", f"{rate:,.1f}", f"{p50:,.0f}", f"{p99:,.0f}", f"{self.errors}", f"{self.different}")
        return f"| {' | '.join(cells)} |"


@dataclass(eq=False)
class Client(Thread):
    """Asks, waits for the answer, and asks again, until it is told to stop."""

    url: str
    bodies: Sequence[bytes]
    expected: Sequence[bytes]
    first: int
    end: float
    times: list[float] = field(default_factory=list)
    errors: int = 0
    different: int = 0

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        address = urlsplit(self.url)
        talk = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=120)
        at = self.first
        while time.monotonic() < self.end:
            at = (at + 1) % len(self.bodies)
            began = time.monotonic()
            try:
                self.send(talk, self.bodies[at])
                answer = talk.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException):
                self.errors += 1
                talk.close()
                continue
            if answer.status != 200:
                self.errors += 1
                continue
            self.times.append(time.monotonic() - began)
            self.different += said != self.expected[at]
        talk.close()

    def send(self, talk: http.client.HTTPConnection, body: bytes) -> None:
        """Ask."""
        talk.request("POST", "/answer", body, {"content-type": "application/json"})


class Slow(Client):
    """Sends its question in twenty pieces, over a second."""

    def send(self, talk: http.client.HTTPConnection, body: bytes) -> None:
        """Ask, piece by piece."""
        size = -(-len(body) // 20)
        _begin(talk, body)
        for begin in range(0, len(body), size):
            time.sleep(0.05)
            talk.send(body[begin : begin + size])


class Leaving(Client):
    """Goes away: in turn after its question and in the middle of it; it counts how often it did."""

    def run(self) -> None:
        address = urlsplit(self.url)
        while time.monotonic() < self.end:
            talk = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=120)
            body = self.bodies[len(self.times) % len(self.bodies)]
            _begin(talk, body)
            talk.send(body if len(self.times) % 2 else body[: len(body) // 2])
            time.sleep(0.3)
            talk.close()
            self.times.append(0.0)


def _begin(talk: http.client.HTTPConnection, body: bytes) -> None:
    """The head of a request with this body."""
    talk.putrequest("POST", "/answer")
    talk.putheader("content-type", "application/json")
    talk.putheader("content-length", str(len(body)))
    talk.endheaders()


def load(url: str, bodies: Sequence[bytes], expected: Sequence[bytes], clients: int, seconds: float) -> Load:
    """What ``clients`` see who ask for a while."""
    began = time.monotonic()
    asking = [Client(url, bodies, expected, k * 7, began + seconds) for k in range(clients)]
    for client in asking:
        client.start()
    for client in asking:
        client.join()
    took = time.monotonic() - began
    times = [each for client in asking for each in client.times]
    errors, different = (sum(getattr(client, name) for client in asking) for name in ("errors", "different"))
    return Load(clients, took, times, errors, different)


def offline(model: Path, pairs: Sequence[Pair]) -> list[bytes]:
    """What the model answers by itself, one question at a time, as the server writes it."""
    import qatk
    from qatk.files import finite

    loaded = qatk.load_model(model, device="cpu")
    replies = [{"model": model.name, "promise": None, **loaded.answer(*pair).as_dict()} for pair in pairs]
    return [json.dumps(finite(reply), ensure_ascii=False).encode() for reply in replies]


def start(model: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    """A server in a process of its own, and where it is."""
    command = [sys.executable, "-m", "qatk", "serve", str(model), "--port", "0", "--device", "cpu", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    words = process.stdout.readline().split()
    if len(words) < 3:
        raise SystemExit("the server did not start")
    return process, words[2]


def _ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a server that was told to end."""
    with process:
        return process.wait(120)


def asked(pairs: int) -> list[Pair]:
    examples = to_examples(mini_or_generated()[1])
    rows = np.linspace(0, len(examples) - 1, pairs).astype(int)
    return [(examples.question[row], examples.context_of(row)) for row in rows.tolist()]


def measure(
    model: Path, questions: Sequence[Pair], clients: Sequence[int] = CLIENTS, seconds: float = SECONDS
) -> list[Load]:
    """The server under each load in turn; it must end in good order."""
    bodies = [json.dumps({"question": q, "context": c}).encode() for q, c in questions]
    expected = offline(model, questions)
    process, url = start(model)
    try:
        load(url, bodies, expected, 2, min(3.0, seconds))  # first uses are slower
        return [load(url, bodies, expected, number, seconds) for number in clients]
    finally:
        process.send_signal(signal.SIGTERM)
        if _ended(process):
            raise SystemExit(f"the server ended with {process.returncode}")


def soak(model: Path, seconds: float, clients: int = 8) -> list[str]:
    """Memory of a server that is asked for long, twelve times on the way."""
    questions = asked(PAIRS)
    bodies = [json.dumps({"question": q, "context": c}).encode() for q, c in questions]
    expected = offline(model, questions)
    process, url = start(model)
    memory = psutil.Process(process.pid)
    lines = []
    try:
        for part in range(12):
            end = time.monotonic() + seconds / 12
            others = [kind(url, bodies, expected, k * 11, end) for kind in (Slow, Leaving) for k in range(2)]
            for client in others:
                client.start()
            found = load(url, bodies, expected, clients, seconds / 12)
            for client in others:
                client.join()
            slow, left = others[:2], sum(len(client.times) for client in others[2:])
            errors = found.errors + sum(client.errors for client in slow)
            different = found.different + sum(client.different for client in slow)
            slowly = sum(len(client.times) for client in slow)
            mib = memory.memory_info().rss / 2**20
            lines.append(
                f"| {(part + 1) * seconds / 12:,.0f} | {mib:,.0f} | {len(found.times):,} | {slowly} | {left} "
                f"| {errors} | {different} |"
            )
    finally:
        process.send_signal(signal.SIGTERM)
        _ended(process)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="ask for so long, and watch memory")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load")
    chosen = parser.parse_args()
    from pipeline import save

    with TemporaryDirectory() as folder:
        model = Path(folder) / "minilm"
        model.mkdir()
        save(model)
        if chosen.soak:
            head, rows = (
                ("second", "MiB", "answers", "to slow clients", "clients gone", "errors", "different"),
                soak(model, chosen.soak),
            )
        else:
            head = ("clients", "requests/s", "p50, ms", "p99, ms", "errors", "different")
            rows = [found.row() for found in measure(model, asked(PAIRS), seconds=chosen.seconds)]
    print("\n".join([f"| {' | '.join(head)} |", "|" + "--:|" * len(head), *rows]))


if __name__ == "__main__":
    main()
