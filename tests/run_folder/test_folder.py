"""The run folder: whole files or none, other runs refused, killed processes mended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qatk.errors import RunFolderError, StorageError
from qatk.files import append_json_line, finite, replacing, write_atomically, write_json
from qatk.run_folder.folder import RunFolder, follow
from qatk.run_folder.listing import read_summary
from qatk.run_folder.manifest import Identity, StageRecord, read_manifest

ME = Identity(recipe="abc")


def test_json_is_strict() -> None:
    assert finite({"a": float("nan"), "b": [float("inf"), -float("inf"), 1.5]})["a"] is None
    assert finite(float("inf")) == 3.4028234663852886e38


def test_a_write_replaces_whole_files(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"é": 1})
    write_json(tmp_path / "a.json", {"é": 2})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"é": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from qatk.errors import StorageError
from qatk.files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), b"x" * 5000)
except StorageError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text("old")
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{file}: cannot write: File too large\n  ")
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.json"]
    assert file.read_text() == "old"


def test_replacing_keeps_the_old_folder_when_the_block_fails(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with replacing(target) as new:
        (new / "weights").write_text("1")

    def fail() -> None:
        with replacing(target) as new:
            (new / "weights").write_text("2")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (target / "weights").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


KILLED = """
import sys, time
from pathlib import Path
from qatk.files import replacing
target = Path(sys.argv[1])
for n in range(100000):
    with replacing(target) as new:
        (new / "a").write_text(str(n)); (new / "b").write_text(str(n))
    if n == 20: print("going", flush=True)
"""


def test_a_killed_writer_leaves_a_whole_folder_after_mending(tmp_path: Path) -> None:
    run = begun(tmp_path / "run")
    for delay in (0.0, 0.003, 0.007, 0.011):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(run / "model")], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(delay)
            os.kill(writer.pid, signal.SIGKILL)
        RunFolder.open(tmp_path / "run", ME, resume=True)
        assert (run / "model" / "a").read_text() == (run / "model" / "b").read_text()
        assert sorted(p.name for p in run.path.iterdir()) == ["manifest.json", "model"]


def begun(path: Path) -> RunFolder:
    """A run that has something to lose."""
    folder = RunFolder.open(path, ME, resume=True)
    folder.complete("train", StageRecord(seconds=1.0))
    return folder


def test_a_run_that_came_to_nothing_is_taken_over(tmp_path: Path) -> None:
    first = RunFolder.open(tmp_path / "run", ME, resume=False)
    assert not first.path.exists()
    first.complete("features", StageRecord(seconds=1.0))
    (first / "events.jsonl").write_text("{}\n")
    second = RunFolder.open(tmp_path / "run", Identity(recipe="mended"), resume=False)
    assert second.manifest.stages == {}
    assert not (second / "events.jsonl").exists()
    (first / "checkpoints").mkdir()
    with pytest.raises(RunFolderError, match="holds another run"):
        RunFolder.open(tmp_path / "run", Identity(recipe="mended"), resume=False)


def test_a_folder_is_taken_once(tmp_path: Path) -> None:
    folder = begun(tmp_path / "new" / "run")
    with pytest.raises(RunFolderError, match=r"already holds this run, unfinished\n  continue it with resume=True"):
        RunFolder.open(folder.path, ME, resume=False)
    assert RunFolder.open(folder.path, ME, resume=True).manifest == folder.manifest


def test_another_run_is_refused_even_with_resume(tmp_path: Path) -> None:
    begun(tmp_path)
    with pytest.raises(RunFolderError, match="holds another run: its limit differs"):
        RunFolder.open(tmp_path, Identity(recipe=ME.recipe, limit=5), resume=True)
    with pytest.raises(RunFolderError, match=r"its limit, recipe differ \(limit none, now 5\)\n"):
        RunFolder.open(tmp_path, Identity(recipe="x", limit=5), resume=True)


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("do not lose me")
    with pytest.raises(RunFolderError, match="holds something that is not a run"):
        RunFolder.open(tmp_path, ME, resume=True)
    with pytest.raises(RunFolderError, match="is a file"):
        RunFolder.open(tmp_path / "thesis.tex", ME, resume=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        RunFolder.open(tmp_path / "file" / "run", ME, resume=False).save()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_manifests_that_cannot_be_used(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunFolderError, match=r"cannot be read|another version"):
        read_manifest(tmp_path)


def test_a_path_that_is_no_utf8_comes_back_from_json(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.json")
    write_json(tmp_path / "a.json", {"path": name})
    append_json_line(tmp_path / "b.jsonl", {"path": name})
    for file in ("a.json", "b.jsonl"):
        assert json.loads((tmp_path / file).read_text("utf-8")) == {"path": name}


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="is not a run folder"):
        read_manifest(tmp_path)


def test_stages_are_remembered(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "r", ME, resume=False)
    folder.complete("train", StageRecord(seconds=1.0))
    again = RunFolder.open(tmp_path / "r", ME, resume=True)
    assert again.done("train")
    assert not again.done("score")
    write_atomically(again / "recipe.yaml", "qatk: 1\n")
    assert (tmp_path / "r" / "recipe.yaml").read_text() == "qatk: 1\n"


def test_the_time_of_a_stage_is_that_of_all_executions(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run")
    folder.begin("predict")
    time.sleep(0.02)
    with pytest.raises(KeyboardInterrupt), folder.noting_the_end():
        raise KeyboardInterrupt
    spent = read_manifest(folder.path).spent["predict"]
    assert spent >= 0.02
    assert read_summary(folder.path).seconds == 1.0 + spent
    again = RunFolder.open(folder.path, ME, resume=True)
    again.begin("train")  # it is done, and begins in each execution all the same
    again.save()
    again.begin("features")
    again.complete("features", StageRecord(seconds=1.0))
    assert read_manifest(folder.path).spent == {"predict": spent}
    began = again.begin("predict")
    assert time.perf_counter() - began >= spent
    again.complete("predict", StageRecord(seconds=1.0))
    assert read_manifest(folder.path).spent == {}


def test_another_process_follows_a_copy_that_goes_away(tmp_path: Path) -> None:
    run = begun(tmp_path / "run").path
    (run / "model").mkdir(exist_ok=True)
    (run / "model" / "weights.bin").write_bytes(b"whole")
    with follow(run, ME) as copy:
        assert copy.path != run
        assert (copy.path / "model" / "weights.bin").read_bytes() == b"whole"
        assert copy.manifest == read_manifest(run)
        (copy.path / "model" / "weights.bin").write_bytes(b"spoilt")
    assert not copy.path.exists()
    assert (run / "model" / "weights.bin").read_bytes() == b"whole"
    with follow(tmp_path / "nothing", ME) as fresh:
        assert fresh.manifest.identity == ME
        assert list(fresh.path.iterdir()) == []


def test_what_a_process_left_that_was_killed_before_there_was_a_manifest_goes(tmp_path: Path) -> None:
    left = tmp_path / f".{'0a' * 16}.tmp"
    left.write_text("{")
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RunFolderError, match="something that is not a run"):
        RunFolder.open(tmp_path, Identity(recipe="a"), resume=True)
    assert left.exists()
    (tmp_path / "mine.txt").unlink()
    RunFolder.open(tmp_path, Identity(recipe="a"), resume=True)
    assert not left.exists()


def test_a_follower_copies_what_is_whole(tmp_path: Path) -> None:
    folder = RunFolder.open(tmp_path / "run", ME, resume=False)
    folder.save()
    for name in ("step-00000003", ".step-00000004.new", ".best.old"):
        (folder / "checkpoints" / name).mkdir(parents=True)
        (folder / "checkpoints" / name / "weights").write_text(name)
    with follow(folder.path, ME) as copy:
        assert sorted(path.name for path in (copy / "checkpoints").iterdir()) == ["best", "step-00000003"]
    assert (folder / "checkpoints" / ".best.old").exists()  # it is for the first process to mend
    folder.complete("score", StageRecord(seconds=1.0))
    with follow(folder.path, ME) as finished:
        assert (finished.path, finished.manifest) == (folder.path, folder.manifest)
