"""What a process says of its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qatk.memory import peak_memory

HELD = 300 << 20


def test_a_system_that_does_not_say_the_most_memory_is_asked_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "status").write_text("VmSize:\t10 kB\nVmRSS:\t5 kB\n")  # as of gVisor
    monkeypatch.setattr("qatk.memory._STATUS", tmp_path / "status")
    assert peak_memory() > 1 << 20


def test_the_memory_of_the_process_that_started_this_one_does_not_count() -> None:
    held = bytearray(HELD)
    assert peak_memory() > len(held)
    code = "from qatk.memory import peak_memory\nprint(peak_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 1 << 20 < int(done.stdout) < HELD // 2
