"""A process that has loaded the libraries and forks itself for each command: a command starts in no time.

Each command is a process of its own, with its own arguments, environment, folder, streams and end; only what the
libraries do while they are imported is shared. Nothing of qatk is imported here. ``commands.call`` talks to it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import threading
from pathlib import Path

LIBRARIES = (
    "accelerate",
    "datasets",
    "evaluate",
    "pandas",
    "pydantic",
    "scipy.optimize",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.tokenization_utils_tokenizers",
    "vl_convert",
)
BUNDLE = """
import json, vl_convert
from qatk_builtin.reporters.html.vega import vega_bundle
bundle = vl_convert.javascript_bundle
vl_convert.javascript_bundle = lambda *given: print(json.dumps([given, made := bundle(*given)])) or made
vega_bundle()
"""
"""Prints what the script of the pages' charts was bundled from, and the script."""


def load() -> None:
    """Import the libraries, and bundle the charts' script once: its engine has threads, which no fork survives."""
    for name in LIBRARIES:
        importlib.import_module(name)
    vl_convert = sys.modules["vl_convert"]
    environ = {**os.environ, "QATK_CACHE": "off"}
    done = subprocess.run([sys.executable, "-c", BUNDLE], check=True, stdout=subprocess.PIPE, env=environ)
    given, script = json.loads(done.stdout)
    bundle = vl_convert.javascript_bundle
    vl_convert.javascript_bundle = lambda *asked: script if list(asked) == given else bundle(*asked)  # type: ignore[attr-defined]


def serve(channel: socket.socket) -> None:
    """Fork for every message; comes back in the child, as the process that was asked for, and at the end."""
    while True:
        message, streams, *_ = socket.recv_fds(channel, 1 << 20, 3)
        if not message:
            raise SystemExit
        if not (pid := os.fork()):
            become(json.loads(message), streams)
            channel.close()
            return
        for stream in streams:
            os.close(stream)
        channel.sendall(str(pid).encode())
        channel.sendall(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())


def become(asked: dict[str, object], streams: list[int]) -> None:
    """Take over what a process is given when it starts."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(str(asked["cwd"]))
    os.environ.clear()
    os.environ.update(asked["environ"])  # type: ignore[call-overload]
    importlib.reload(sys.modules["huggingface_hub.constants"])  # the hub's address and cache are of the environment
    sys.argv[:] = asked["words"]  # type: ignore[call-overload]
    sys.path[:1] = [str(Path.cwd()), *asked["paths"]]  # type: ignore[misc]


def end(code: int) -> None:
    """End as the interpreter does, but do not take the libraries apart piece by piece: that takes half a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    gc.freeze()  # what a fork never looks at is never copied
    serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as left:
        if not isinstance(left.code, int | None):
            raise
        end(left.code or 0)
    end(0)
