"""Run folders at URLs: what is sent when, and what is fetched."""

from __future__ import annotations

import errno
import json
import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event, Timer
from typing import Any
from uuid import uuid4

import pytest

from qatk.errors import ProcessLost, QatkWarning, RunFolderError, StorageError, UsageError
from qatk.files import RemoteFolder, discard, url_of
from qatk.results import RunResult
from qatk.run_folder.checkpoints import Checkpoints
from qatk.run_folder.copies import followed, here, model_bytes, spare, working_folder
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.listing import list_runs
from qatk.run_folder.lock import LOCK, Lock, locked
from qatk.run_folder.manifest import Identity, Manifest, StageRecord, write_manifest
from qatk.run_folder.remote import Mirror
from qatk.run_folder.remote_lock import RemoteLock, locked_there
from qatk.run_folder.watching import Watched

SENT = ".sent"
"""What a folder says that it sent."""


def files(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name not in (SENT, ".model-bytes")]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def write(folder: Path, **contents: str) -> None:
    for name, content in contents.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def test_a_manifest_says_no_more_than_what_is_there(tmp_path: Path) -> None:
    folder, store = tmp_path / "folder", tmp_path / "store"
    write(folder, manifest_json="begun", _lock="mine", checkpoints__a="state")
    mirror = Mirror(RemoteFolder(f"file://{store}"), tmp_path / "empty")
    mirror.folder = folder
    mirror.send()
    assert files(store) == {"manifest.json": "begun", "checkpoints/a": "state"}
    (folder / "checkpoints" / "a").unlink()
    write(folder, manifest_json="trained", model__weights="new", checkpoints__b__digests_json="{}")
    (store / "model" / "weights").mkdir(parents=True)  # so that it cannot be written
    with pytest.warns(QatkWarning, match="cannot write: .*; it will be tried again"):
        mirror.send()
    assert files(store) == {"manifest.json": "begun", "checkpoints/a": "state", "checkpoints/b/digests.json": "{}"}
    with pytest.raises(
        StorageError, match=f"the run is finished in {folder}: copy it from there, or send it by resume=True"
    ):
        mirror.send(final=True)
    (store / "model" / "weights").rmdir()
    mirror.send(final=True)
    assert files(store) == {name: text for name, text in files(folder).items() if name != ".lock"}
    (folder / "checkpoints" / "b" / "digests.json").unlink()
    mirror.send()
    assert sorted(path.name for path in store.iterdir()) == ["manifest.json", "model"]
    other = tmp_path / "other-machine"
    write(other, left_over="of an earlier run", _lock="mine")
    Mirror(RemoteFolder(f"file://{store}"), other)
    assert files(other) == files(folder)


def came_to(
    folder: Path,
    *stages: str,
    step: int = 0,
    recipe: str = "mine",
    number: str = "",
    lacks: str = "",
    cut: bool = False,
    sent: bool = False,
) -> Path:
    """A run that came so far, but for one file of its state, or with half a manifest; and whether all was sent."""
    folder.mkdir()
    identity = Identity(recipe=recipe)
    write_manifest(folder, Manifest(identity=identity, id=number, stages={stage: StageRecord() for stage in stages}))
    if step:
        state = Checkpoints(folder / "checkpoints", 1).write(step, lambda new: write(new, weights=f"{folder} {step}"))
        (state / lacks).unlink() if lacks else None
    if cut:
        (folder / "manifest.json").write_text('{"format": 2, "ident')
    if sent:
        stats = {name: (folder / name).stat() for name in files(folder)}
        (folder / SENT).write_text(json.dumps({name: [s.st_size, s.st_mtime_ns] for name, s in stats.items()}))
    return folder


@pytest.mark.parametrize(
    ("here", "there", "kept"),
    [
        pytest.param({"stages": ("train", "score")}, {"stages": ("train",)}, True, id="finished"),
        pytest.param({"step": 8}, {"step": 4}, True, id="more steps"),
        pytest.param({"step": 8}, {"step": 8, "lacks": "weights"}, True, id="killed as it sent"),
        pytest.param({"step": 8}, {"step": 8}, True, id="perhaps more than a state"),
        pytest.param({"step": 8, "sent": True}, {"step": 8}, False, id="all was sent"),
        pytest.param({"stages": ("score",), "sent": True}, {"step": 4}, False, id="begun anew elsewhere"),
        pytest.param({"step": 8}, {"step": 4, "cut": True}, True, id="killed as it sent the manifest"),
        pytest.param({"step": 8, "sent": True}, {"step": 4, "cut": True}, False, id="another killed as it sent it"),
        pytest.param({"step": 4}, {"step": 8}, False, id="fewer steps"),
        pytest.param({"step": 8, "lacks": "weights"}, {"step": 4}, False, id="damaged"),
        pytest.param({"stages": ("data",), "recipe": "other"}, {"step": 4}, False, id="another run"),
        pytest.param({"stages": ("train",)}, {"stages": ("train", "score")}, False, id="finished elsewhere"),
        pytest.param({"stages": ("data",), "sent": True}, None, False, id="removed at the URL"),
        pytest.param({"stages": ("train",)}, None, True, id="never sent"),
        pytest.param({"step": 8}, {"step": 8, "lacks": "../../manifest.json"}, True, id="killed as it was first sent"),
    ],
)
def test_what_could_not_be_sent_is_sent_by_the_next_call(
    here: dict[str, Any], there: dict[str, Any] | None, kept: bool, tmp_path: Path
) -> None:
    def made(name: str, stages: tuple[str, ...] = (), **more: Any) -> Path:
        return came_to(tmp_path / name, *stages, **more)

    folder, store, url = made("folder", **here), tmp_path / "store", f"file://{tmp_path}/store"
    if there is not None:
        made("store", **there)
    known = (store / "manifest.json").exists()
    expected = files(folder) if kept else files(store)
    if known and kept:
        write(store, left="by an older state")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mirror = Mirror(RemoteFolder(url), folder)
    said = f"came further in this run than {url}: it goes on there, and is sent"
    if not known:
        said = f"holds a run that never came to {url}: resume=True sends it; to begin another, remove it"
    assert [str(warning.message) for warning in told] == [f"{folder} {said}"] * kept
    assert files(folder) == expected
    with locked_there(RemoteFolder(url), Lock(None)) as lock:
        mirror.send(final=True)
        lock.say_ready()
        with followed(url) as other:
            assert files(other) == expected, "processes of one run go on from the same"
    assert files(store) == expected
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Mirror(RemoteFolder(url), folder)
    assert files(folder) == expected, "all was sent"


@pytest.mark.parametrize(
    ("here", "there", "holds"),
    [
        ({"stages": ("train",), "sent": True}, None, "holds it no more\n  to go on, copy that folder there; to begin"),
        ({"step": 8, "sent": True}, None, "holds it no more"),
        ({"step": 8, "recipe": "other"}, {"step": 4}, "holds another run by now\n  name another URL, or remove"),
        ({"stages": ("train", "score"), "number": "a"}, {"step": 4, "number": "b"}, "holds another run by now"),
    ],
)
def test_the_last_copy_of_a_run_is_not_lost(
    here: dict[str, Any], there: dict[str, Any] | None, holds: str, tmp_path: Path
) -> None:
    places = {tmp_path / "folder": here, tmp_path / "store": there}
    for place, said in places.items():
        if said is not None:
            came_to(place, *said.pop("stages", ()), **said)
    before, url = {place: files(place) for place in places}, f"file://{tmp_path}/store"
    with pytest.raises(RunFolderError, match=f"the run in {tmp_path}/folder is of {url}, which {holds}"):
        Mirror(RemoteFolder(url), tmp_path / "folder")
    assert {place: files(place) for place in places} == before
    for path in (tmp_path / "folder").iterdir():  # as the message says
        discard(path)
    Mirror(RemoteFolder(url), tmp_path / "folder")
    assert files(tmp_path / "folder") == before[tmp_path / "store"]


def test_a_copy_is_made_of_each_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    url = "memory://copies/one/run"
    with pytest.raises(RunFolderError, match=f"{url}: there is no run: no manifest.json"):
        here(url)
    write(tmp_path, manifest_json="1", checkpoints__a="state")
    remote = RemoteFolder(url)
    for name in ("manifest.json", "checkpoints/a"):
        remote.send(tmp_path / name, name)
    first = here(url)
    assert (first.parts[-2:], files(first)) == (("one", "run"), {"manifest.json": "1"})
    assert here(Path(url)) == first
    write(tmp_path, manifest_json="2")
    remote.send(tmp_path / "manifest.json", "manifest.json")
    assert files(here(url)) == {"manifest.json": "2"}
    assert here(tmp_path) == tmp_path


def test_a_copy_has_the_model_where_one_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    url = f"file://{tmp_path}/store/run"
    write(tmp_path / "store" / "run", manifest_json="1", metrics_json="{}", model__weights="many")
    read = Path(here(url, model=False))
    assert (sorted(files(read)), model_bytes(read)) == (["manifest.json", "metrics.json"], 4)
    with pytest.raises(RunFolderError, match=f"{read}: this is a copy of a run at a URL, without the model"):
        here(read)
    whole = Path(here(url))
    assert (whole, files(whole)["model/weights"], model_bytes(whole)) == (read, "many", 4)
    assert here(read) == here(RunResult("run", read, {}, None, url=url)) == read  # type: ignore[arg-type]
    assert [path.name for path in read.parent.iterdir()] == ["run"], "nothing else is left"


def test_copies_used_long_ago_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy(name: str) -> Path:
        write(tmp_path / "store" / name, manifest_json=name, model__weights="x" * 600)
        return Path(here(f"file://{tmp_path}/store/{name}"))

    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("QATK_CACHE_GB", "1.5e-6")
    copies = [copy(name) for name in "abc"]
    assert all(each.is_dir() for each in copies), "a process may be at them"
    for hours, each in enumerate(copies, 2):
        os.utime(each.parents[1], (then := time.time() - 3600 * hours, then))
    copy("c")  # is used again
    copies.append(copy("d"))
    assert [each.is_dir() for each in copies] == [False, False, True, True]
    assert len([*copies[0].parents[2].iterdir()]) == 2
    monkeypatch.setenv("QATK_CACHE_GB", "none")
    with pytest.raises(UsageError, match="QATK_CACHE_GB: 'none' is no number of GB"):
        copy("e")


def test_runs_that_were_sent_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("QATK_CACHE_GB", "1e-9")
    made = {}
    for name in ("sent", "unsent", "at-work", "mine"):
        remote, folder = RemoteFolder(url := f"file://{tmp_path}/store/{name}"), working_folder(url)
        mirror = Mirror(remote, folder)
        write(folder, manifest_json=name, model__weights="many")
        mirror.send()
        made[name] = folder
    write(made["unsent"], model__weights="other")
    with locked(made["at-work"], any_folder=True):
        spare(f"file://{tmp_path}/store/mine")
    left = {name: sorted(files(folder)) for name, folder in made.items()}
    kept = ["manifest.json", "model/weights"]
    assert left == {"sent": [], "unsent": kept, "at-work": kept, "mine": kept}


def test_two_may_make_one_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "store", manifest_json="1", metrics_json="{}")
    url, fetch, made = f"file://{tmp_path}/store", RemoteFolder.fetch_all, list[Path]()

    def fetch_all(remote: RemoteFolder, names: Sequence[str], folder: Path) -> None:
        fetch(remote, names, folder)
        if not made:
            made.append(folder)
            made.append(here(url))

    monkeypatch.setattr(RemoteFolder, "fetch_all", fetch_all)
    assert here(url) == made[1] != made[0]
    assert files(made[1]) == {"manifest.json": "1", "metrics.json": "{}"}
    assert list(made[1].parent.iterdir()) == [made[1]], "nothing else is left"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("s3://bucket/a/", "s3://bucket/a"),
        (Path("s3://bucket/a"), "s3://bucket/a"),
        (Path("file:///a/b"), "file:///a/b"),
        ("runs/a", None),
        ("/a:/b", None),
        ("owner/name", None),
    ],
)
def test_what_is_a_url(given: str | Path, url: str | None) -> None:
    assert url_of(given) == url


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that are renewed, looked at and given up a hundred times as fast."""
    for name, seconds in (("EVERY_S", 0.05), ("_LOOK_S", 0.02), ("LEASE_S", 0.4)):
        monkeypatch.setattr(f"qatk.run_folder.remote_lock.{name}", seconds)


def somewhere(kind: str, tmp_path: Path) -> str:
    """A URL where there is nothing yet."""
    return f"file://{tmp_path}/there" if kind == "file" else f"memory://{uuid4().hex}"


@contextmanager
def noted(remote: RemoteFolder, host: str, **values: object) -> Iterator[RemoteLock]:
    """A lock that a process of another machine holds."""
    local = Lock(None)
    local.said = {"pid": 7, "host": host, "since": "2026-01-01 10:00:00", "noted": values}
    with locked_there(remote, local) as lock:
        yield lock


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_one_machine_at_a_time_makes_the_run_of_a_url(kind: str, tmp_path: Path) -> None:
    remote = RemoteFolder(somewhere(kind, tmp_path))
    with noted(remote, "one") as one:
        with pytest.raises(RunFolderError, match=r"is in use by process 7 on one, since .*\n.* another URL"):
            RemoteLock(remote, Lock(None)).take()
        one.check()
        assert remote.names() == [], "it is no file of the run"
    assert remote.read(LOCK) is None
    cut_off = RemoteLock(remote, Lock(None))
    cut_off._local.said = {"host": "cut-off"}
    cut_off.take()  # and gives no sign again
    other = RemoteLock(remote, Lock(None))
    with pytest.warns(QatkWarning, match=r"was left by process \d+ on cut-off, .* its lock is taken over"):
        other.take()
    with pytest.raises(RunFolderError, match="was taken over by process"):
        cut_off.check()
    cut_off.give_back()
    other.check()
    assert remote.read(LOCK), "it was not its own any more"
    other.give_back()
    with pytest.raises(RunFolderError, match=r"was taken over by a process that has ended, .*\n.* resume=True goes on"):
        cut_off.check()
    remote.write(LOCK, b"{half")
    with pytest.warns(QatkWarning, match="was left by a process that did not say which"):
        RemoteLock(remote, Lock(None)).take()
    with pytest.warns(QatkWarning, match="was left by process"):  # of this machine, and gone: nobody waits
        RemoteLock(remote, Lock(None)).take()


@pytest.mark.usefixtures("quick")
def test_a_lock_that_is_renewed_as_it_is_given_back_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    remote, renewing, write_now = RemoteFolder(somewhere("memory", Path())), Event(), RemoteFolder.write

    def write_slowly(remote: RemoteFolder, name: str, content: bytes) -> None:
        renewing.set()
        time.sleep(0.3)
        write_now(remote, name, content)

    monkeypatch.setattr(RemoteFolder, "write", write_slowly)
    with noted(remote, "one"):
        assert renewing.wait(10)
    time.sleep(0.4)
    assert remote.read(LOCK) is None


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("other", [{}, {"numbers": "of another container"}])
def test_a_number_says_nothing_of_a_process_in_another_container(other: dict[str, str]) -> None:
    remote, local = RemoteFolder(somewhere("memory", Path())), Lock(None)
    local.said = {"pid": 1 << 30, **other}  # of this host
    with locked_there(remote, local):
        if other:
            with pytest.raises(RunFolderError, match="is in use by process"):
                RemoteLock(remote, Lock(None)).take()
        else:
            with pytest.warns(QatkWarning, match="was left by process"):
                RemoteLock(remote, Lock(None)).take()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", ["memory", "file"])
def test_the_other_processes_wait_for_the_first(kind: str, tmp_path: Path) -> None:
    url = somewhere(kind, tmp_path)
    remote = RemoteFolder(url)
    remote.write(LOCK, json.dumps({"pid": 7, "host": "one", "token": "a", "ready": True}).encode())
    with pytest.raises(ProcessLost, match=f"{url} shows no sign of the first process"), followed(url):
        pass  # what an earlier execution left is no sign

    def send() -> None:
        remote.write("sent", b"late")
        first.say_ready()

    remote.remove(LOCK)
    with noted(remote, "one") as first:
        Timer(0.2, send).start()
        for moment in ("as it is sent", "later"):
            with followed(url) as copy:
                assert files(copy) == {"sent": "late"}, moment
    finished = came_to(tmp_path / "finished", "train", "score")
    remote.send(finished / "manifest.json", "manifest.json")
    with followed(url) as copy:  # the first has nothing more to do, and may have ended
        assert (copy / "manifest.json").exists()


def test_a_url_where_nothing_can_be_written_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^file:///proc/run: cannot write: .*\n.* your right to write there"):
        RemoteLock(RemoteFolder("file:///proc/run"), Lock(None)).take()


@pytest.mark.parametrize("after", [0, 1])
def test_a_run_that_another_has_taken_over_sends_nothing_more(after: int, tmp_path: Path) -> None:
    def check() -> None:
        if len(files(tmp_path / "store")) == after:
            raise RunFolderError("it was taken over")

    write(tmp_path / "folder", events_jsonl="mine", manifest_json="mine")
    mirror = Mirror(RemoteFolder(f"file://{tmp_path}/store"), tmp_path / "empty", check)
    mirror.folder = tmp_path / "folder"
    with pytest.raises(RunFolderError, match="it was taken over"):
        mirror.send()
    assert list(files(tmp_path / "store")) == ["events.jsonl"] * after
    folder = RunFolder(mirror.folder, Manifest(identity=Identity(recipe="mine")))
    folder.mirror = mirror
    with pytest.raises(KeyboardInterrupt), folder.noting_the_end():
        raise KeyboardInterrupt


def test_a_disk_has_whole_files_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill_up(source: str, target: str) -> None:
        Path(target).write_text(Path(source).read_text()[:4])
        raise OSError(errno.ENOSPC, "No space left on device")

    folder, store = tmp_path / "folder", tmp_path / "store"
    mirror = Mirror(RemoteFolder(f"file://{store}"), folder)
    write(folder, manifest_json="first")
    mirror.send()
    write(folder, manifest_json="second", model__weights="many")
    monkeypatch.setattr("shutil.copyfile", fill_up)
    with pytest.raises(StorageError, match=r"cannot write: .*No space left on device"):
        mirror.send(final=True)
    assert files(store) == {"manifest.json": "first"}


def test_a_file_that_goes_as_others_are_sent_is_left_out(tmp_path: Path) -> None:
    folder, store = tmp_path / "folder", tmp_path / "store"
    write(folder, manifest_json="mine", wandb__a="", wandb__b="")
    (folder / "wandb" / "c").symlink_to("nothing")
    os.mkfifo(folder / "wandb" / "d")
    mirror = Mirror(RemoteFolder(f"file://{store}"), tmp_path / "empty", lambda: (folder / "wandb" / "b").unlink(True))
    mirror.folder = folder
    mirror.send(final=True)
    assert files(store) == {"manifest.json": "mine", "wandb/a": ""}
    for place in (folder, store):  # where somebody was quicker to remove it
        (place / "wandb" / "a").unlink()
    mirror.send(final=True)


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_runs_below_a_url_are_listed_and_watched(kind: str, tmp_path: Path) -> None:
    url = somewhere(kind, tmp_path)
    with pytest.raises(UsageError, match=f"{url}: there is nothing"):
        list_runs(url)
    for name, stages in {"done": ("train", "score"), "deep/at-work": ("train",), "deep/dead": (), "bad": ()}.items():
        manifest = Manifest(
            identity=Identity(recipe=name), name=name, stages={stage: StageRecord() for stage in stages}
        )
        (tmp_path / "made").mkdir(exist_ok=True)
        write_manifest(tmp_path / "made", manifest)
        RemoteFolder(url).send(tmp_path / "made" / "manifest.json", f"{name}/manifest.json")
    RemoteFolder(url).write("done/metrics.json", json.dumps({"exact": 60.0, "f1": 70.0}).encode())
    RemoteFolder(url).write("bad/manifest.json", b"{")
    lock = {"pid": 7, "host": "gone", "since": "2026-01-01 10:00:00", "token": "a", "seen": 1.0}
    RemoteFolder(url).write(f"deep/dead/{LOCK}", json.dumps(lock).encode())
    with noted(RemoteFolder(f"{url}/deep/at-work"), "one", memory=5):
        with pytest.warns(QatkWarning, match=f"left out: {url}/bad/manifest.json:1:2 cannot be read"):
            found = list_runs(Path(url))
        watched = Watched(Path(f"{url}/deep/at-work")).look()
    assert [(url_of(run.folder), run.state) for run in found] == [
        (f"{url}/deep/at-work", "running"),
        (f"{url}/deep/dead", "killed"),
        (f"{url}/done", "finished"),
    ]
    assert found[2].metrics == {"exact": 60.0, "f1": 70.0}
    assert datetime.fromisoformat(str(found[2].as_dict()["updated"])).utcoffset() is not None
    assert abs(found[2].updated.timestamp() - (tmp_path / "made" / "manifest.json").stat().st_mtime) < 60
    assert (watched.name, watched.state, watched.noted) == ("deep/at-work", "running", {"memory": 5})
    with pytest.raises(RunFolderError, match=f"{url}/gone is not a run folder"):
        Watched(Path(f"{url}/gone")).look()
