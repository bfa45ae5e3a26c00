"""How a server starts, and how it ends: nothing that it took is lost."""

from __future__ import annotations

import errno
import http.client
import logging
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import pytest

from commands import call, forked_python
from qatk.inference.model import AnsweringModel
from qatk.server import connections
from qatk.server.gauges import Gauges
from qatk.server.guard import Guard, Receive, Scope, Send
from qatk.server.limits import Limits
from qatk.server.serve import bind, open_more_files
from serving import QUESTION, TEXT, Server, send, start

ASKED = {"question": QUESTION, "context": TEXT}


def logged(said: str) -> list[str]:
    """The lines of a log without their times."""
    lines = [line.split(" ", 1) for line in said.splitlines()]
    now = datetime.now(timezone.utc)
    assert all(0 <= (now - datetime.fromisoformat(time)).total_seconds() < 600 for time, _ in lines)
    return [text for _, text in lines]


@dataclass(eq=False)
class Client(Thread):
    """Asks one question after another until the server takes no more."""

    url: str
    keep: bool
    answers: list[object] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        address = urlsplit(self.url)
        talk = None
        while len(self.answers) < 2000:
            try:
                if talk is None:
                    talk = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=30)
                    talk.connect()
            except ConnectionRefusedError:
                return
            try:
                found = send(self.url, body=ASKED, connection=talk)
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{type(error).__name__}: {error} after {len(self.answers)}")
                return
            self.answers.append(found.json["answer"] if found.status == 200 else found.body)
            if not self.keep or found.headers.get("connection") == "close":
                talk.close()
                talk = None


def test_a_signal_under_load_loses_nothing(started: dict[str, Server], offline: dict[str, AnsweringModel]) -> None:
    server = started["ending"].wait()
    clients = [Client(server.url, keep=k % 2 == 0) for k in range(16)]
    for client in clients:
        client.start()
    time.sleep(1.5)
    code, said = server.end(signal.SIGTERM)
    for client in clients:
        client.join(30)
    assert [client.lost for client in clients] == [[]] * 16
    answer = offline["quick"].answer(QUESTION, TEXT).text
    assert all(client.answers and set(client.answers) == {answer} for client in clients)
    begin, end = logged(said)
    assert code == 0
    assert re.fullmatch(r"ending: (1 request is|\d+ requests are) under way", begin)
    assert re.fullmatch(r"ended: (1 request|\d+ requests) finished, 0 cut off", end)
    assert int(begin.split()[1]) <= int(end.split()[1])


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_connections_that_come_as_a_server_begins_to_end_are_answered() -> None:
    started, ending, asked = Event(), Event(), Event()

    class Late(connections.Server):
        async def on_tick(self, counter: int) -> bool:
            if ends := await super().on_tick(counter):
                ending.set()
                asked.wait(10)  # meanwhile nothing is accepted
            return ends

    with bind("127.0.0.1", 0, has_token=False) as listener:
        server = Late(Guard(empty, Limits(), Gauges(), None), Limits(), started.set)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert started.wait(10)
        clients = [http.client.HTTPConnection(*listener.getsockname(), timeout=5) for _ in range(5)]
        server.should_exit = True
        assert ending.wait(10)
        for client in clients:
            client.request("GET", "/")
        asked.set()
        assert [client.getresponse().status for client in clients] == [204] * 5
        for client in clients:
            client.close()
        thread.join(10)
        assert not thread.is_alive()


def test_a_connection_that_comes_between_the_last_accept_and_the_close_is_refused() -> None:
    """And never reset after it stood: a client sends its first segment again a second later."""
    started, accepted, tried = Event(), Event(), Event()

    class Slow(connections.Server):
        async def _accept_rest(self, listeners: list[socket.socket]) -> None:
            await super()._accept_rest(listeners)
            accepted.set()
            tried.wait(10)

    with bind("127.0.0.1", 0, has_token=False) as listener:
        server = Slow(Guard(empty, Limits(), Gauges(), None), Limits(), started.set)
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert started.wait(10)
        server.should_exit = True
        assert accepted.wait(10)
        with socket.socket() as client:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):
                client.connect(listener.getsockname())
            stands = select.select([], [client], [], 0.3)[1]
            tried.set()
            assert bool(stands) == (sys.platform != "linux")
            if not stands:
                assert select.select([], [client], [], 10)[1]
                assert client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
        thread.join(10)
        assert not thread.is_alive()


FEW_FILES = """
import resource
from qatk.server.connections import Server
from qatk.server.gauges import Gauges
from qatk.server.guard import Guard
from qatk.server.limits import Limits
from qatk.server.serve import bind

with bind("127.0.0.1", 0, has_token=False) as listener:
    resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
    guard = Guard(None, Limits(), Gauges(), None)
    server = Server(guard, Limits(), lambda: print(listener.getsockname()[1], flush=True))
    server.run(sockets=[listener])
"""


def test_too_many_connections_are_said_once_a_second() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([forked_python(), "-c", FEW_FILES], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        for client in [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(60)]:
            client.close()
        process.terminate()
        said = logged(process.communicate(timeout=30)[1])
    full = "error: no more connections can be opened: Too many open files (ulimit -n says how many)"
    assert 1 <= said.count(full) <= 3
    ends = [line for line in said if line != full]  # it may be full still as it begins to end
    assert ends == ["ending: 0 requests are under way", "ended: 0 requests finished, 0 cut off"]


def test_a_server_may_open_all_the_files_that_it_is_granted() -> None:
    before, granted = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted - 1, granted))
    open_more_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (granted, granted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, granted))


def test_a_second_signal_ends_at_once_and_the_log_says_what_was_cut_off(runs: Path) -> None:
    server = start(f"late={runs / 'slow'}", "--access-log", "--proxy", "127.0.0.0/8").wait()
    assert send(server.url, body=ASKED).json["model"] == "late"
    assert send(server.url, body={**ASKED, "model": "secret"}).status == 404
    for client in ("10.1.2.3", "secret"):
        forwarded = {"x-forwarded-for": client}
        assert send(server.url, "/health?text=secret", headers=forwarded, method="HEAD").status == 200
    assert send(server.url, "/secret", headers={"authorization": "Bearer secret"}).status == 404
    with socket.create_connection(urlsplit(server.url).netloc.split(":")) as idle:
        idle.sendall(
            b"POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        )
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert server.process.poll() is None, "it waits for a request that it took"
        code, said = server.end(signal.SIGTERM)
    assert code == -signal.SIGTERM
    assert [re.sub(r" \d+ (late|-)$", r" MS \1", line) for line in logged(said)] == [
        "127.0.0.1 POST /answer 200 MS late",
        "127.0.0.1 POST /answer 404 MS -",
        "10.1.2.3 HEAD /health 200 MS -",
        "- HEAD /health 200 MS -",
        "127.0.0.1 GET other 404 MS -",
        "ending: 1 request is under way",
        "127.0.0.1 POST other cut MS -",
        "ended: 0 requests finished, 1 cut off",
    ]


def test_a_hangup_ends_a_server_but_never_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that closes sends several, and systemd one behind SIGTERM."""
    monkeypatch.setattr(logging.getLogger("uvicorn.error"), "disabled", False)
    guard = Guard(empty, Limits(), Gauges(), None)
    server, deaf = (connections.Server(guard, Limits(), lambda: None) for _ in range(2))
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with server.capture_signals():
            for number, ending in ((signal.SIGHUP, False), (signal.SIGHUP, False), (signal.SIGTERM, True)):
                signal.raise_signal(number)
                assert (server.should_exit, server.force_exit) == (True, ending)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
        with deaf.capture_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert server.forced_by == signal.SIGTERM
    assert not deaf.should_exit


def test_a_port_in_use_is_said(runs: Path) -> None:
    """What else cannot be served is in the catalogue of wrong inputs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = call("qatk", "serve", runs / "plain", "--port", port)
    what, fix = "cannot be used: Address already in use", "name another port; --port 0 takes a free one"
    said = f"error: 127.0.0.1:{port}: {what}\n  {fix}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_a_missing_extra_is_said(runs: Path, tmp_path: Path) -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(['uvicorn', 'prometheus_client'])); "
    command = f"from qatk.cli import main; sys.argv = ['qatk', 'serve', {str(runs / 'plain')!r}]; main()"
    done = subprocess.run([forked_python(), "-c", hidden + command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == 'error: serving needs uvicorn and prometheus-client\n  pip install "qatk[serve]"\n'
