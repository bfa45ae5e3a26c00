"""What a forked Python is to the process that starts it: passes everything on, and ends as it does.

It stands in for ``sys.executable``, see ``commands.forked_python``, and has to start at once, so it imports little.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from types import FrameType


def passed() -> list[int]:
    """The numbers of the open files."""
    numbers = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - pathlib takes its time
        with suppress(OSError):  # the listing's own
            os.fstat(int(name))
            numbers.append(int(name))
    return numbers


def main(address: str) -> None:
    """Ask for a process, wait for it, and end by its code or its signal."""
    numbers = passed()
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel.connect(address)
    here = os.getcwd()  # noqa: PTH109
    given = {"words": sys.argv[1:], "cwd": here, "environ": dict(os.environ), "numbers": numbers}
    socket.send_fds(channel, [json.dumps(given).encode()], numbers)
    pid = int(channel.recv(64))

    def forward(number: int, _: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)
    code = int(channel.recv(64))
    if code < 0:
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
