"""The types that components exchange: frozen columns in Arrow's layout (flat values and offsets).

Nothing here is padded, and nothing here is torch. Every type checks its shapes and dtypes when it is created and makes
its arrays read-only. Letters in shapes: n examples, c distinct contexts, F features (windows), T tokens of all features
together, k spans of all examples or windows together.
"""

from qatk.types import ragged
from qatk.types.arrays import Bool, Float32, Float64, Int8, Int32, Int64
from qatk.types.clusters import Clusters, clusters_of, contexts_of
from qatk.types.events import TrainEvent
from qatk.types.examples import Answer, Examples
from qatk.types.features import FeatureColumns, Features
from qatk.types.groups import ALL, GROUPS, HAS_ANSWER, NO_ANSWER, Group, groups_of
from qatk.types.mapped import Spool, TextColumn, release, zeros
from qatk.types.predictions import NBest, Predictions, Span, Spans
from qatk.types.ragged import ragged_rows
from qatk.types.raw import RawExamples
from qatk.types.scores import SpanCandidates, SpanScores

__all__ = [
    "ALL",
    "GROUPS",
    "HAS_ANSWER",
    "NO_ANSWER",
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
    "Predictions",
    "RawExamples",
    "Span",
    "SpanCandidates",
    "SpanScores",
    "Spans",
    "Spool",
    "TextColumn",
    "TrainEvent",
    "clusters_of",
    "contexts_of",
    "groups_of",
    "ragged",
    "ragged_rows",
    "release",
    "zeros",
]
