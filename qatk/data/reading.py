"""Data of a file from Python, as it stands there: for what checks, mends, describes and converts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qatk.plugins.endings import reader_of
from qatk.plugins.live import LiveDataset
from qatk.types import RawExamples

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost


def read(path: str | Path, use: str | None = None, *, host: PluginHost | None = None, **options: object) -> RawExamples:
    """Read the questions of a file as they stand in it, right or wrong, with every further column.

    :func:`check`, :func:`fix`, :func:`describe` and :func:`save` take them; :func:`strict` makes
    :class:`qatk.Examples` of them, or says why that cannot be.

    Args:
        path: whatever qatk reads: SQuAD files, CSV, JSON Lines, Parquet ..., plain or compressed.
        use: the dataset that reads it; its first required option is the path. ``None`` takes it by the ending.
        host: the plugins to use.
        options: of the dataset, such as ``roles={"question": "query"}``.

    Raises:
        DataError: if the content of the file cannot be read at all.
        UsageError: if it cannot be opened, and for a dataset or an option that is not there.
    """
    from qatk.plugins.host import PluginHost

    host = host or PluginHost.discover()
    use, option = reader_of(str(path), use, host)
    return host.live(LiveDataset, "dataset", use, {option: str(path), **options}).raw(whole=True)
