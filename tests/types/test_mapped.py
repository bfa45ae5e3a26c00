from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qatk.errors import StorageError
from qatk.types import mapped as spool
from qatk.types.mapped import Spool, map_array, release, zeros


@pytest.fixture(params=[1 << 30, 100], ids=["in memory", "on disk"])
def _limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(spool, "IN_MEMORY", request.param)
    return


@pytest.mark.usefixtures("_limit")
@pytest.mark.parametrize("sizes", [[], [0], [3], [5, 0, 40, 7], [1000] * 5])
def test_a_spool_gives_back_all_that_was_appended(sizes: list[int]) -> None:
    column, expected = Spool(np.int32), np.random.default_rng(0).integers(0, 99, sum(sizes), np.int32)
    for part in np.split(expected, np.cumsum(sizes)[:-1]) if sizes else []:
        column.append(part)
    found = column.column()
    assert found.dtype == np.int32
    release(found[1:])
    np.testing.assert_array_equal(found, expected)


@pytest.mark.usefixtures("_limit")
def test_what_is_written_to_a_column_outlives_its_release() -> None:
    column = zeros(1000, np.float32)
    assert not column.any()
    column[7:9] = 2.5
    release(column)
    assert column.sum() == 5


def test_a_spool_refuses_other_types() -> None:
    with pytest.raises(TypeError, match="int64 values for a column of int32"):
        Spool(np.int32).append(np.zeros(1, np.int64))


def test_release_leaves_arrays_and_copy_on_write_maps_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(5000))
    mine = np.load(tmp_path / "a.npy", mmap_mode="c")
    mine[:] = 3
    plain = np.ones(5)
    release(mine, plain, None)
    assert mine.sum() == 15000
    assert plain.sum() == 5


def test_a_mapped_column_outlives_its_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"head" + np.arange(5000, dtype=np.int32).tobytes())
    with (tmp_path / "a").open("rb") as file:
        column = map_array(file, np.int32, offset=4)
    (tmp_path / "a").unlink()
    assert column[-1] == 4999


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_release_gives_memory_back() -> None:
    code = """
import numpy as np
from pathlib import Path
from qatk.types.mapped import release, zeros
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
column = zeros(64 << 20, np.int8)
before = resident()
column[:] = 1
full = resident()
release(column)
print(full - before, resident() - before, int(column.sum(dtype=np.int64)))
"""
    full, left, total = map(int, subprocess.check_output([sys.executable, "-c", code]).split())
    assert full > 60 << 20
    assert left < 4 << 20
    assert total == 64 << 20


@pytest.mark.parametrize("make", ["spool", "zeros"])
def test_a_full_disk_is_one_clear_error(make: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 100)
    monkeypatch.setattr(spool.tempfile, "tempdir", str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        with pytest.raises(StorageError, match="temporary columns cannot be written") as found:
            zeros(1 << 20, np.int8) if make == "zeros" else Spool(np.int8).append(np.zeros(1 << 20, np.int8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(tmp_path) in str(found.value)
    assert "TMPDIR" in str(found.value)
