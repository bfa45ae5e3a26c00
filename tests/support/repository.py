"""Where the repository lies, and the data shared beside it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = Path(__file__).parent
SHARED = ROOT.parent / "shared" / "data"
