"""Where the repository lies, and the data that some tests measure on."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = Path(__file__).parent
SHARED: Path = runpy.run_path(str(ROOT / "benchmarks" / "shared_data.py"))["SHARED"]
needs_shared_data = pytest.mark.skipif(
    not SHARED.is_dir() and not os.environ.get("CI"), reason="QATK_SHARED names no folder with the shared data"
)
"""Skips a test where the shared data are absent; under CI it fails instead."""
