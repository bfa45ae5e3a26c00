"""The process of a job on a node of a Ray cluster. Nodes import this module, which needs little."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Mapping, Sequence

from qatk_builtin.launchers.starting import start

_PR_SET_PDEATHSIG = 1
"""Of prctl(2): the signal that a process gets when its parent ends."""


class RayProcess:
    """Starts the command when Ray has found a place for it, again after each loss of a node.

    The process ends with the node's part of Ray: elsewhere another one goes on with the run.
    """

    def __init__(self, words: Sequence[str], folder: str, log: str, environment: Mapping[str, str]) -> None:
        tie = None
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)

            def tie() -> None:
                libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

        self.process = start(words, folder, log, environment, before=tie)

    def code(self) -> int | None:
        """The exit code; ``None`` while it runs."""
        return self.process.poll()

    def end(self) -> int:
        """Let it save its state and end."""
        self.process.terminate()
        return self.process.wait()
