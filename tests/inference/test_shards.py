"""Questions that are answered in shards, by jobs of a launcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import qatk
from commands import forked_python
from qatk.inference.asked import BLOCK, read_asked
from qatk.inference.predict import Shard, answer_shard, known_survey, predict_file
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDataset
from small import squad


def begin(folder: Path, run: Path) -> subprocess.Popen[str]:
    words = [forked_python(), "-m", "qatk", "predict", str(run), "asked.json", "--out", "out.jsonl", "--shards", "2"]
    environ = {**os.environ, "FORKED_PYTHON": forked_python()}
    return subprocess.Popen([*words, "--json"], cwd=folder, text=True, stdout=-1, stderr=-1, env=environ)


def test_a_killed_shard_is_made_by_the_same_command_and_no_other_is_made_again(
    run: Path, host: PluginHost, tmp_path: Path
) -> None:
    (tmp_path / "asked.json").write_text(json.dumps(squad(BLOCK + 8, 3)))
    data = host.live(LiveDataset, "dataset", "squad", {"path": str(tmp_path / "asked.json")})
    model, asked = qatk.load_model(run), read_asked(data)
    whole, parts = predict_file(model, asked, tmp_path / "whole.jsonl"), tmp_path / "out.jsonl.parts"
    assert answer_shard(model, asked, tmp_path / "out.jsonl", Shard(2, 2)) == 8
    assert known_survey(tmp_path / "out.jsonl") == asked.survey, "shard 1 reads no more than its own"
    written = (parts / "000001.jsonl").stat()
    first = begin(tmp_path, run)
    while not (record := parts / "shard-1-of-2.job.json").exists():
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    os.kill(int(json.loads(record.read_text())["id"].split(":")[1]), signal.SIGKILL)
    _, said = first.communicate(timeout=60)
    assert (first.returncode, "1 of 2 shards failed: shard 1 of 2: " in said) == (1, True), said
    assert "the same command goes on with what is missing" in said
    assert sorted(path.name for path in parts.glob("*.jsonl")) == ["000001.jsonl"]
    assert (parts / "000001.jsonl").stat() == written
    second = begin(tmp_path, run)
    out, said = second.communicate(timeout=120)
    assert second.returncode == 0, said
    assert whole.scores is not None
    assert json.loads(out)["metrics"] == {**whole.scores.metrics, "normaliser": "en"}
    assert (tmp_path / "out.jsonl").read_bytes() == whole.path.read_bytes()
    assert not parts.exists()
