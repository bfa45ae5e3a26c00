"""What a process says of its memory."""

from __future__ import annotations

import subprocess
import sys

from qatk.memory import peak_memory

HELD = 300 << 20


def test_the_memory_of_the_process_that_started_this_one_does_not_count() -> None:
    held = bytearray(HELD)
    assert peak_memory() > len(held)
    code = "from qatk.memory import peak_memory\nprint(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 << 20 < int(done.stdout) < HELD // 2
