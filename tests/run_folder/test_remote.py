"""Run folders at URLs: what is sent when, and what is fetched."""

from __future__ import annotations

from pathlib import Path

import pytest

from qatk.errors import QatkWarning, RunFolderError, StorageError
from qatk.files import RemoteFolder, url_of
from qatk.run_folder.remote import Mirror, here


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


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
    with pytest.raises(StorageError, match=f"the run is finished in {folder}: copy it from there"):
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
