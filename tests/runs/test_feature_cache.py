"""The feature cache: the same features without making them, and never in a run's way."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qatk
from cache_tools import Making, features, fetch, is_map, opened, same, the_entry
from commands import call
from qatk.errors import QatkWarning
from qatk.runs.feature_cache import ABANDONED_S, ABOUT, read_features, write_features
from qatk.types import Features
from repository import SUPPORT
from small import write_recipe


@pytest.mark.parametrize("one", [features(), features(targets=False), features(0), features(3, tokens=0)])
def test_features_come_back_as_they_were_from_memory_maps(tmp_path: Path, one: Features) -> None:
    write_features(tmp_path, one)
    back = read_features(tmp_path)
    assert same(back, one)
    for name in ("example_index", "token_offsets", "input_ids", "char_start"):
        column = getattr(back, name)
        assert type(column) is np.ndarray
        assert not column.flags.writeable
        assert is_map(column) or not len(column)


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    make = Making(features())
    assert not fetch(opened(tmp_path), make)
    assert fetch(opened(tmp_path), make)
    assert make.times == 1
    assert len(the_entry(tmp_path).name) == 64
    assert not fetch(opened(None), make)
    assert make.times == 2


def test_features_just_stored_are_memory_maps_too(tmp_path: Path) -> None:
    found, cached = opened(tmp_path).fetch(features, data="d", targets=True)
    assert not cached
    assert is_map(found.input_ids)


class Wider(Features):
    """With more to it than the cache knows of."""


def test_another_kind_of_features_is_not_kept(tmp_path: Path) -> None:
    one = features()
    wider = Wider(**{name: getattr(one, name) for name in Features.__dataclass_fields__})
    found, _ = opened(tmp_path).fetch(lambda: wider, data="d", targets=True)
    assert found is wider
    assert not list(tmp_path.iterdir())


# Damage.


def _cut(entry: Path) -> None:
    file = entry / "input_ids.npy"
    file.write_bytes(file.read_bytes()[:-1])


def _empty(entry: Path) -> None:
    (entry / "char_start.npy").write_bytes(b"")


def _shorter(entry: Path) -> None:
    np.save(entry / "type_ids.npy", np.zeros(1, np.int8))


def _wider(entry: Path) -> None:
    np.save(entry / "null_index.npy", np.zeros(5, np.int64))


def _offsets(entry: Path) -> None:
    np.save(entry / "token_offsets.npy", np.array([0, 9, 6, 9, 12, 15]))


def _about(entry: Path) -> None:
    (entry / ABOUT).write_text('{"columns": ["input_ids"], "counts": {}}')


def _not_json(entry: Path) -> None:
    (entry / ABOUT).write_bytes(b"\0\0\0")


def _value(entry: Path) -> None:
    np.save(entry / "input_ids.npy", np.arange(15, dtype=np.int32) + 1)


def _counts(entry: Path) -> None:
    (entry / ABOUT).write_text((entry / ABOUT).read_text().replace('"questions_cut": 7', '"questions_cut": 8'))


def _lacking(entry: Path) -> None:
    (entry / ABOUT).write_text("{}")


@pytest.mark.parametrize(
    "damage", [_cut, _empty, _shorter, _wider, _offsets, _about, _not_json, _value, _counts, _lacking]
)
def test_a_damaged_entry_is_found_and_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    make = Making(features())
    fetch(opened(tmp_path), make)
    damage(the_entry(tmp_path))
    with pytest.warns(QatkWarning, match="damaged features in .* are made anew"):
        assert not fetch(opened(tmp_path), make)
    assert fetch(opened(tmp_path), make)
    assert make.times == 2


@pytest.mark.parametrize("name", [ABOUT, "input_ids.npy", "end_target.npy"])
def test_an_entry_that_lacks_a_file_is_made_anew(tmp_path: Path, name: str) -> None:
    fetch(opened(tmp_path), Making(features()))
    (the_entry(tmp_path) / name).unlink()
    assert not fetch(opened(tmp_path), Making(features()))
    assert fetch(opened(tmp_path), Making(features()))


@given(st.data())
@settings(max_examples=60)
def test_one_damaged_byte_anywhere_stops_nothing(tmp_path_factory: Any, data: st.DataObject) -> None:
    place = tmp_path_factory.mktemp("damage")
    fetch(opened(place), Making(features()))
    file = the_entry(place) / data.draw(st.sampled_from(sorted(path.name for path in the_entry(place).iterdir())))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, _ = opened(place).fetch(features, data="d", targets=True)
    assert same(found, features())


# What cannot be written.


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = opened(tmp_path / "file" / "features")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in ("d", "e", "f"):
            assert not fetch(cache, Making(features()), data)
    assert len(caught) == 1
    assert "set QATK_CACHE to another folder, or to off" in str(caught[0].message)


FULL_DISK = """
import resource, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from cache_tools import features, opened
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
found, cached = opened(Path(sys.argv[1])).fetch(lambda: features(5000), data="d", targets=True)
print(len(found), cached)
"""


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(SUPPORT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "5000 False\n"
    assert done.stderr.count("no features are cached in") == 1
    assert not list(tmp_path.iterdir())


def test_counts_that_cannot_be_written_are_one_warning(tmp_path: Path) -> None:
    odd = replace(features(), counts={"questions_cut": np.int64(7)})  # type: ignore[dict-item]
    with pytest.warns(QatkWarning, match="no features are cached in .*: Object of type int64"):
        assert not fetch(opened(tmp_path), Making(odd))
    assert not list(tmp_path.iterdir())


# Bounds.


def size_of(one: Features, place: Path) -> int:
    place.mkdir()
    write_features(place, one)
    return sum(file.stat().st_size for file in place.iterdir())


def test_the_entries_used_longest_ago_make_room(tmp_path: Path) -> None:
    place, one = tmp_path / "features", features(200)
    cache = opened(place, limit=int(3.5 * size_of(one, tmp_path / "measured")))
    for age, data in enumerate(("a", "b", "c")):
        assert not fetch(cache, Making(one), data)
        newest = max(place.glob(f"*/{ABOUT}"), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (time.time() - 1000 + age,) * 2)
    assert fetch(cache, Making(one), "a")
    assert not fetch(cache, Making(one), "d")
    assert [fetch(opened(place), Making(one), data) for data in ("a", "c", "d")] == [True, True, True]
    assert len(list(place.iterdir())) == 3


def test_features_larger_than_the_bound_are_not_kept(tmp_path: Path) -> None:
    with pytest.warns(QatkWarning, match=r"features of 315 kB are not cached: QATK_CACHE_GB allows 1.0 kB"):
        assert not fetch(opened(tmp_path, limit=1000), Making(features(5000)))
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_in_time(tmp_path: Path) -> None:
    for name in (".old", ".young"):
        (tmp_path / name).mkdir()
    os.utime(tmp_path / ".old", (time.time() - ABANDONED_S - 1,) * 2)
    fetch(opened(tmp_path), Making(features()))
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == [".young"]


# Several processes.

WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from cache_tools import features, opened, same
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(sys.argv[3])):
    found, _ = opened(Path(sys.argv[1]), int(sys.argv[4])).fetch(lambda: features(500), data=str(turn), targets=True)
    assert same(found, features(500))
"""


@pytest.mark.parametrize("limit", [10**9, 100_000])
def test_processes_that_make_the_same_features_all_end_well(tmp_path: Path, limit: int) -> None:
    """The second limit has room for a few entries only, so that they also remove each other's."""
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path), str(SUPPORT), "20", str(limit)]
    writers = [subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    for writer in writers:
        assert (writer.communicate()[1], writer.returncode) == ("", 0)
    names = [path.name for path in tmp_path.iterdir()]
    assert not [name for name in names if name.startswith(".")]
    assert len(names) == 20 if limit == 10**9 else 0 < len(names) < 20


# Whole runs.


def files(folder: Path) -> dict[str, bytes]:
    apart = ("manifest.json", "events.jsonl", "report.md", "report.html")  # times and speeds
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in apart]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_a_run_is_the_same_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = write_recipe(tmp_path, train=64, dev=24, max_steps=4)
    qatk.run(recipe, out=tmp_path / "off")
    monkeypatch.setenv("QATK_CACHE", str(tmp_path / "cache"))
    qatk.run(recipe, out=tmp_path / "first")
    assert call("qatk", "run", recipe, "--out", tmp_path / "second").returncode == 0
    cached, rest = [], []
    for name in ("off", "first", "second"):
        result = qatk.load_run(tmp_path / name)
        groups = next(stage.groups for stage in result.stages if stage.name == "features")
        counts = {name: dict(of) for name, of in groups.items()}
        cached.append((counts["train"].pop("cached"), counts["dev"].pop("cached")))
        rest.append((files(tmp_path / name), counts, [event.loss for event in result.events]))
    assert cached == [(0, 0), (0, 0), (1, 1)]
    assert rest[0] == rest[1] == rest[2]
