"""Start a server, and end it."""

from __future__ import annotations

import ipaddress
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress

from qatk.cores import usable_cores
from qatk.errors import UsageError
from qatk.inference.model import AnsweringModel
from qatk.server.app import Routes
from qatk.server.batching import Batcher
from qatk.server.connections import Server
from qatk.server.gauges import Gauges
from qatk.server.limits import Limits
from qatk.server.served import answerer, computes_on_cpu


def bind(host: str, port: int, *, has_token: bool) -> socket.socket:
    """A socket for a server, which listens to nobody yet.

    Raises:
        UsageError: another machine could reach it and there is no token; the address is unknown or taken.
    """
    where = f"{host}:{port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"{host!r} is no address: {error}", where="--host", fix="use 127.0.0.1") from None
    if not has_token and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        what = "other machines could ask here, so a token is needed"
        raise UsageError(what, where=f"--host {host}", fix="set QATK_TOKEN, or name a file with --token-file")
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        taken = f"cannot be used: {error.strerror}"
        raise UsageError(taken, where=where, fix="name another port; --port 0 takes a free one") from None
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a server is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    models: Mapping[str, AnsweringModel],
    listener: socket.socket,
    *,
    limits: Limits,
    token: str | None = None,
    workers: int | None = None,
    access_log: bool = False,
    proxies: Sequence[str] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer until SIGTERM, SIGINT or SIGHUP, and then until all that was taken is answered.

    Args:
        models: by name, the default first.
        listener: of :func:`bind`.
        limits: what is taken.
        token: that clients must send.
        workers: how many batches are answered at once; as many as there are cores for them on a CPU, else 1.
        access_log: whether each request gets a line on standard error, without anything of its texts.
        proxies: whose word on clients is taken.
        ready: called when the server takes requests.
    """
    open_more_files()
    gauges = Gauges()
    number = workers or default_workers(models)
    with redirect_stdout(sys.stderr):  # threads of components may not each turn standard output round
        batcher = Batcher([answerer(models) for _ in range(number)], limits, gauges)
        server = Server(Routes(models, batcher).app(token, logging=access_log), limits, ready, proxies)
        server.run(sockets=[listener])
        if server.forced_by is not None:
            signal.raise_signal(server.forced_by)
        batcher.close()


def open_more_files() -> None:
    """Take as many connections as the system lets this process have; by default it is often 1024, files included."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS grants less than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def default_workers(models: Mapping[str, AnsweringModel]) -> int:
    """As many as there are cores, with the threads that each of them uses, where all models are on the CPU."""
    if not all(computes_on_cpu(model) for model in models.values()):
        return 1
    threads = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, usable_cores() // max(1, int(threads))) if threads.isdecimal() else 1
