"""Try the ``trackio`` tracker with the real library: ``python tools/try_trackio.py``.

It needs what no test needs: ``pip install "qatk[trackio]"``.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

RECIPE = """
qatk: 1
backbone: {use: tiny, vocab_size: 400, hidden_size: 32, layers: 1, max_length: 64}
featurizer: {use: stride, max_length: 64, doc_stride: 8}
data: {train: {use: facts, questions: 64}, dev: {use: facts, questions: 32, seed: 2}}
trainer: {use: torch, epochs: 2, log_every: 2}
trackers: [{use: trackio, project: tried, model: true}]
"""


def main() -> None:
    """Make a run, and hold what Trackio says of it against its folder."""
    with TemporaryDirectory() as folder:
        os.environ["TRACKIO_DIR"] = folder  # read when trackio is imported
        (Path(folder) / "tried.yaml").write_text(RECIPE)
        import trackio
        from trackio.sqlite_storage import SQLiteStorage

        import qatk
        from qatk.testing import check_component

        check_component("tracker", "trackio")
        result = qatk.run(Path(folder) / "tried.yaml", out=Path(folder) / "run")
        (run,) = trackio.Api().runs("tried")
        rows = SQLiteStorage.get_logs("tried", run.name)
        f1 = [row["dev/f1"] for row in rows if "dev/f1" in row]
        assert f1 == [event.metrics["f1"] for event in result.events if event.kind == "epoch"], f1
        assert [row["final/f1"] for row in rows if "final/f1" in row] == [result.metrics["f1"]]
        assert run.config["recipe"]["trainer"]["log_every"] == 2
        print(f"trackio: {run.name}, {len(rows)} rows, dev F1 {f1}")


if __name__ == "__main__":
    main()
