"""How much a server takes, and what it refuses before any of its parts is loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path

from qatk.errors import UsageError, counted
from qatk.files import read_text

NEEDED = ("fastapi", "uvicorn", "prometheus_client")
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Limits:
    """What one server takes.

    Attributes:
        body: bytes of a request; more is 413.
        context: characters of a context; more is 422.
        question: characters of a question; more is 422.
        questions: of one request; more is 422.
        queue: questions that wait for a worker; what comes then is 429.
        seconds: that a client has for sending its request (then 408), and the server for answering it (then 503).
        top_k: the most alternatives of a question.
        keep_alive: seconds for which a connection stays open for another request.
    """

    body: int = 8 << 20
    context: int = 1_000_000
    question: int = 10_000
    questions: int = 256
    queue: int = 1024
    seconds: float = 60.0
    top_k: int = 100
    keep_alive: int = 75

    def __post_init__(self) -> None:
        if not math.isfinite(self.seconds):
            raise UsageError(f"{self.seconds} is no number of seconds", where="--timeout", fix="give one, such as 60")
        for each in fields(self):
            if not getattr(self, each.name) > 0:
                raise UsageError(f"{getattr(self, each.name)} is no limit", where=each.name, fix="give more than 0")
        if self.queue < self.questions:
            what = f"a queue of {counted(self.queue, 'question')} has no room for a request of {self.questions}"
            raise UsageError(what, fix="raise --max-queue, or lower --max-questions")


def check_extra() -> None:
    """Raise :class:`UsageError` where a library of the extra is missing."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        what = f"serving needs {' and '.join(missing).replace('_', '-')}"
        raise UsageError(what, fix='pip install "qatk[serve]"')


def check_proxies(proxies: Sequence[str]) -> None:
    """Raise :class:`UsageError` for a proxy that is no address and no network: uvicorn would take it for a name."""
    for each in proxies:
        try:
            ip_network(each)
        except ValueError as error:
            fix = "name an address or a network, such as 127.0.0.1 or 10.0.0.0/8"
            raise UsageError(str(error), where=f"--proxy {each}", fix=fix) from None


def read_token(file: Path | None, environ: str | None) -> str | None:
    """The token that clients must send: of a file, else of the environment; ``None`` where neither is there.

    Raises:
        UsageError: it is too short to be a secret, or has characters that no header takes.
    """
    if file is None and environ is None:
        return None
    where = "QATK_TOKEN" if file is None else str(file)
    token = ((environ or "") if file is None else read_text(file)).strip()
    if len(token) < SHORTEST_TOKEN or not token.isascii() or any(not "!" <= char <= "~" for char in token):
        what = f"a token is {SHORTEST_TOKEN} or more letters, digits and signs, without blanks"
        raise UsageError(what, where=where, fix="make one: python -c 'import secrets; print(secrets.token_urlsafe())'")
    return token
