"""Where the data lie that some tests and benchmarks measure on: a subset of SQuAD 2.0, and published predictions of it.

The environment variable ``QATK_SHARED`` names the folder; without it, it is ``shared/data`` beside the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

SHARED = Path(os.environ.get("QATK_SHARED") or Path(__file__).resolve().parents[2] / "shared" / "data")
MINI = SHARED / "squad2-mini" / "train.json.gz"
