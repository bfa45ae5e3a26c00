"""Servers in processes of their own, and plain requests to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from commands import forked_python
from repository import ROOT

PLUGIN = ROOT / "tests" / "support" / "serving_plugin.py"
TEXT = "The mill of Delft is old. It was built in 1843 by the guild."
TOKEN = "a-token-for-the-tests-0123"
QUESTION = "When was the mill of Delft built?"
PROMISE = {"chosen": {"threshold": 1e9}, "at_most": 0.05, "confidence": 0.9}
"""As ``qatk calibrate --at-most`` writes it."""


@dataclass
class Server:
    """A process that answers, or will."""

    process: subprocess.Popen[str]
    url: str = ""

    def wait(self, seconds: float = 120) -> Server:
        """Until it says where it is."""
        assert self.process.stdout is not None
        while not self.url:
            line = self.process.stdout.readline()
            assert line, f"no server: {self.process.communicate(timeout=10)[1]}"
            if " on http" in f" {line}":
                self.url = next(word for word in line.split() if word.startswith("http"))
        return self

    def end(self, number: int = signal.SIGTERM, seconds: float = 30) -> tuple[int, str]:
        """Send a signal; how it ended, and what it said."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=seconds)[1]
        assert "Traceback" not in said, said
        return self.process.returncode, said


def start(*words: object, environ: Mapping[str, str] | None = None) -> Server:
    """``qatk serve`` with these words, on a free port."""
    command = ["-m", "qatk", "--plugin", str(PLUGIN), "serve", "--port", "0"]
    given = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **(environ or {})}
    pipe = subprocess.PIPE
    line = [forked_python(), *command, *map(str, words)]
    return Server(subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, env=given))


@dataclass(frozen=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


def send(
    url: str,
    path: str = "/answer",
    body: object = None,
    headers: Mapping[str, str] | None = None,
    method: str | None = None,
    connection: http.client.HTTPConnection | None = None,
) -> Response:
    """One request; a body that is no bytes goes as JSON."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    address = urlsplit(url)
    talk = connection or http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=60)
    try:
        kind = {} if data is None else {"content-type": "application/json"}
        talk.request(method or ("GET" if data is None else "POST"), path, data, {**kind, **(headers or {})})
        answer = talk.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        if connection is None:
            talk.close()


def figure(url: str, name: str, headers: Mapping[str, str] | None = None) -> float:
    """A figure of ``/metrics``."""
    lines = send(url, "/metrics", headers=headers).body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


def until(true: Any, seconds: float = 20) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)
