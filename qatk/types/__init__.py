"""The types that components exchange: frozen columns in Arrow's layout (flat values and offsets).

Nothing here is padded, and nothing here is torch. Every type checks its shapes and dtypes when it is created and makes
its arrays read-only. Letters in shapes: n examples, c distinct contexts, F features (windows), T tokens of all features
together, k spans of all examples or windows together.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from qatk.types import ragged
from qatk.types.arrays import Bool, Float32, Float64, Int8, Int32, Int64
from qatk.types.clusters import Clusters, clusters_of, contexts_of, of_both_kinds
from qatk.types.events import TrainEvent
from qatk.types.examples import Answer, Examples
from qatk.types.features import FeatureColumns, Features
from qatk.types.further import ALL_COLUMNS, column_values
from qatk.types.groups import ALL, GROUPS, HAS_ANSWER, NO_ANSWER, Group, groups_of
from qatk.types.mapped import Spool, TextColumn, release, zeros
from qatk.types.names import USUAL, answers_elsewhere, usual_name
from qatk.types.padding import PaddedWindows, batches_by_length, pad_windows
from qatk.types.predictions import NBest, Predictions, Span, Spans
from qatk.types.ragged import ragged_rows
from qatk.types.raw import RawExamples
from qatk.types.scores import SpanCandidates, SpanScores, TokenScores, join_scores
from qatk.types.slices import Slices, join_predictions
from qatk.types.starts import NOWHERE, UNKNOWN, as_starts

if TYPE_CHECKING:
    from qatk.types.frames import arrow_table as arrow_table
    from qatk.types.frames import by_column as by_column
    from qatk.types.roles import OneColumn as OneColumn
    from qatk.types.roles import check_answers_alike as check_answers_alike
    from qatk.types.rows import Rows as Rows
    from qatk.types.tables import check_names as check_names
    from qatk.types.tables import columns_of_table as columns_of_table
    from qatk.types.tables import retyped as retyped
    from qatk.types.tables import text_column as text_column
    from qatk.types.tables import with_texts as with_texts

_WITH_ARROW = {
    "OneColumn": "roles",
    "Rows": "rows",
    "arrow_table": "frames",
    "by_column": "frames",
    "check_answers_alike": "roles",
    "check_names": "tables",
    "columns_of_table": "tables",
    "retyped": "tables",
    "text_column": "tables",
    "with_texts": "tables",
}
"""What needs pyarrow, which scoring does not load."""


def __getattr__(name: str) -> Any:
    if name not in _WITH_ARROW:
        raise AttributeError(f"module 'qatk.types' has no attribute {name!r}")
    return getattr(import_module(f"qatk.types.{_WITH_ARROW[name]}"), name)


__all__ = [
    "ALL",
    "ALL_COLUMNS",
    "GROUPS",
    "HAS_ANSWER",
    "NOWHERE",
    "NO_ANSWER",
    "UNKNOWN",
    "USUAL",
    "Answer",
    "Bool",
    "Clusters",
    "Examples",
    "FeatureColumns",
    "Features",
    "Float32",
    "Float64",
    "Group",
    "Int8",
    "Int32",
    "Int64",
    "NBest",
    "OneColumn",
    "PaddedWindows",
    "Predictions",
    "RawExamples",
    "Rows",
    "Slices",
    "Span",
    "SpanCandidates",
    "SpanScores",
    "Spans",
    "Spool",
    "TextColumn",
    "TokenScores",
    "TrainEvent",
    "answers_elsewhere",
    "arrow_table",
    "as_starts",
    "batches_by_length",
    "by_column",
    "check_answers_alike",
    "check_names",
    "clusters_of",
    "column_values",
    "columns_of_table",
    "contexts_of",
    "groups_of",
    "join_predictions",
    "join_scores",
    "of_both_kinds",
    "pad_windows",
    "ragged",
    "ragged_rows",
    "release",
    "retyped",
    "text_column",
    "usual_name",
    "with_texts",
    "zeros",
]
