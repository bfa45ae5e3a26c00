"""Data from Python as it stands there, right or wrong: for what checks, mends, describes and converts it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from qatk.arguments import one_of
from qatk.plugins.endings import reader_of
from qatk.plugins.live import LiveDataset
from qatk.types import ALL_COLUMNS, RawExamples
from qatk.types.names import NamedColumns
from qatk.types.starts import Ambiguous

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


def read_rows(
    rows: object,
    *,
    roles: NamedColumns | None = None,
    columns: Sequence[str] = (ALL_COLUMNS,),
    ambiguous: Ambiguous = "first",
    no_answer: Sequence[str] = (),
    where: str = "the rows",
) -> RawExamples:
    """The questions of rows at hand as they stand there, as :func:`read` gives those of a file.

    Args:
        rows: whatever :meth:`qatk.Examples.from_rows` takes, as the other arguments are.
        roles: which column holds what.
        columns: further columns; all by default.
        ambiguous: the place that :func:`strict` gives an answer that stands several times in its context.
        no_answer: texts that stand for no answer.
        where: what messages call the rows.

    Raises:
        UsageError, DataError: as :meth:`qatk.Examples.from_rows`, but not for answers and single cells.
    """
    from qatk.types import Rows, arrow_table  # with Arrow

    one_of(ambiguous, "ambiguous", get_args(Ambiguous))
    return RawExamples.of_rows(Rows(arrow_table(rows, where), where, roles, columns, no_answer=no_answer), ambiguous)
