"""Standard output that may be full, closed, or of another encoding than UTF-8."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from qatk.errors import StorageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def safe_output() -> Iterator[None]:
    """Let a block write to standard output, and say in one message where that did not take it all.

    What is written waits in buffers, so a full disk would else show when the process ends, past every message; or
    in a reporter, which would be blamed. A character that cannot be shown is shown as ``?``.

    Raises:
        StorageError: standard output refused what was written, whatever the block made of that.
        SystemExit: nobody reads it any more (``| head``).
    """
    before = sys.stdout
    try:
        descriptor = before.fileno()
    except (AttributeError, OSError):  # closed by the shell (``>&-``), or not of a process
        sys.stdout = before or io.StringIO()
        if isinstance(before, io.TextIOWrapper):
            before.reconfigure(errors="replace")
        yield
        return
    before.flush()
    raw = _Watched(descriptor, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), before.encoding, "replace", line_buffering=getattr(before, "line_buffering", False)
    )
    try:
        yield
    finally:
        with suppress(OSError):
            sys.stdout.flush()
        if raw.refused is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)  # for what is left in the buffers
        sys.stdout = before
        if raw.refused is not None and not isinstance(raw.refused, BrokenPipeError):
            raise StorageError(f"cannot write: {raw.refused.strerror}", where="standard output") from None


def takes_unicode() -> bool:
    """Whether standard output takes every character; JSON and YAML are escaped where it does not."""
    return codecs.lookup(getattr(sys.stdout, "encoding", None) or "ascii").name.startswith("utf")


class _Watched(io.FileIO):
    """A file that remembers what kept it from being written."""

    refused: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """As usual."""
        try:
            return super().write(data)
        except OSError as error:
            self.refused = error
            raise
