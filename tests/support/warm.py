"""A process that has loaded the libraries and qatk and forks itself for each command: a command starts in no time.

Each command is a process of its own, with its own arguments, environment, folder, streams and end; only what modules
do while they are imported is shared. ``commands.call`` talks to it. Take a Python of its own where a test is about
what a command loads.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import typer
from pydantic import create_model

LIGHT = (
    "html.entities",
    "jinja2",
    "numpy.typing",
    "pluggy",
    "pyarrow",
    "rich._emoji_codes",
    "rich.progress",
    "rich.table",
    "yaml",
)
LIBRARIES = (
    "accelerate",
    "datasets",
    "evaluate",
    "pandas",
    "scipy.optimize",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.tokenization_utils_tokenizers",
    "vl_convert",
)
SELDOM = {"__main__", "adapters", "exporters", "mlflow", "onnx", "openvino", "ray", "slurm", "tensorboard", "wandb"}
"""Modules and packages of qatk that load what few commands need, some of it with threads, which no fork survives."""
SWITCHES = ("-B", "-u")
"""Switches of an interpreter, before what it runs, that make no difference here."""
BUNDLE = """
import json, vl_convert
from qatk_builtin.reporters.html.vega import vega_bundle
bundle = vl_convert.javascript_bundle
vl_convert.javascript_bundle = lambda *given: print(json.dumps([given, made := bundle(*given)])) or made
vega_bundle()
"""
"""Prints what the script of the pages' charts was bundled from, and the script."""


def load_light() -> None:
    """Import small libraries, with the parts that those import when they are first used."""
    for name in LIGHT:
        importlib.import_module(name)
    create_model("Form", size=(int, 1)).model_json_schema()
    app = typer.Typer()
    app.command()(lambda size=1: None)
    app([], standalone_mode=False)


def load() -> None:
    """Import the libraries, and bundle the charts' script once: its engine has threads, which no fork survives."""
    for name in LIBRARIES:
        importlib.import_module(name)
    load_qatk()
    vl_convert = sys.modules["vl_convert"]
    environ = {**os.environ, "QATK_CACHE": "off"}
    done = subprocess.run([sys.executable, "-c", BUNDLE], check=True, stdout=subprocess.PIPE, env=environ)
    given, script = json.loads(done.stdout)
    bundle = vl_convert.javascript_bundle
    vl_convert.javascript_bundle = lambda *asked: script if list(asked) == given else bundle(*asked)  # type: ignore[attr-defined]


def load_qatk() -> None:
    """Import the modules of qatk and of its plugins; what lacks its library is left to the command that needs it."""
    for package in ("qatk", "qatk_builtin"):
        place = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(place, f"{package}."):
            if SELDOM.isdisjoint(module.name.split(".")):
                with contextlib.suppress(ImportError):
                    importlib.import_module(module.name)


def serve(listener: socket.socket, parent: socket.socket) -> None:
    """Fork for every request until the parent has gone; comes back in the child, as the process that was asked for.

    Each is told its number, and later how it ended; where nobody asks any more, it is killed.
    """
    at_work: dict[int, tuple[socket.socket, int]] = {}  # who asked, and the number; by what tells the end
    while True:
        channels = [channel for channel, _ in at_work.values()]
        ready, _, _ = select.select([listener, parent, *at_work, *channels], [], [])
        for ended, (channel, number) in list(at_work.items()):
            if ended in ready:
                del at_work[ended]
                tell_the_end(channel, number, ended)
            elif channel in ready or parent in ready:
                os.kill(number, signal.SIGKILL)
        if parent in ready:
            raise SystemExit
        if listener in ready:
            channel, _ = listener.accept()
            message, streams, *_ = socket.recv_fds(channel, 1 << 20, 64)
            if number := os.fork():
                at_work[os.pidfd_open(number)] = channel, number
                with contextlib.suppress(OSError):
                    channel.sendall(str(number).encode())
                for stream in streams:
                    os.close(stream)
                continue
            for mine in (listener, parent, channel, *channels):
                mine.close()
            for ended in at_work:
                os.close(ended)
            become(json.loads(message), streams)
            return


def tell_the_end(channel: socket.socket, number: int, ended: int) -> None:
    """Say how a process ended, and let go of it."""
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    os.close(ended)
    with channel, contextlib.suppress(OSError):
        channel.sendall(str(code).encode())


def keep_what_is_loaded() -> None:
    """Leave out what the libraries would do at the end of each command: torch forgets its operators one by one.

    What a fork never looks at is never copied, so the garbage collector does not look at them either.
    """
    for made in tuple(weakref.finalize._registry):  # type: ignore[attr-defined]
        made.atexit = False
    gc.freeze()


def become(asked: dict[str, Any], streams: list[int]) -> None:
    """Take over what a process is given when it starts."""
    high = [fcntl.fcntl(stream, fcntl.F_DUPFD, 1 << 12) for stream in streams]  # out of the way of those to come
    for stream in streams:
        os.close(stream)
    for number, stream in zip(asked["numbers"], high, strict=True):
        os.dup2(stream, number, inheritable=True)
        os.close(stream)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for name in ("huggingface_hub.constants", "datasets.config"):
        if constants := sys.modules.get(name):
            importlib.reload(constants)  # the hub's address and cache are of the environment
    sys.executable = asked["environ"].get("FORKED_PYTHON", sys.executable)
    sys.argv[:] = asked["words"]
    known = asked["environ"].get("PYTHONPATH", "").split(os.pathsep)
    others = sys.path[1:]  # the first is the folder of this file
    sys.path[:] = [str(Path.cwd()), *(path for path in known if path and path not in others), *others]


def end(code: int) -> None:
    """End as the interpreter does, but do not take the libraries apart piece by piece: that takes half a second."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    load_light()
    if "light" not in sys.argv:
        load()
    keep_what_is_loaded()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"{sys.argv[1]}.new")
        listener.listen()
        Path(f"{sys.argv[1]}.new").rename(sys.argv[1])  # whoever finds it there can connect
        serve(listener, socket.socket(fileno=int(sys.argv[2])))
    while sys.argv[0] in SWITCHES:
        del sys.argv[0]
    how, what, *_ = sys.argv
    del sys.argv[0]
    try:
        if how == "-c":
            sys.argv[0] = "-c"
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        elif how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.argv[:0] = [how]
            sys.path[0] = str(Path(how).parent)
            runpy.run_path(how, run_name="__main__")
    except SystemExit as left:
        if not isinstance(left.code, int | None):
            raise
        end(left.code or 0)
    end(0)
