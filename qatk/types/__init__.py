"""The types that cross between components: frozen columns in Arrow's layout (flat values and offsets).

Nothing here is padded and nothing here is torch. Every type checks its shapes and dtypes when it is made,
and marks its arrays read-only. Letters in shapes: n examples, c distinct contexts, F features (windows),
T tokens of all features together.
"""

from qatk.types.arrays import Bool, Float32, Float64, Int8, Int32, Int64, ragged_rows
from qatk.types.events import TrainEvent
from qatk.types.examples import Examples
from qatk.types.features import Features
from qatk.types.predictions import NBest, Predictions
from qatk.types.scores import SpanCandidates, SpanScores

__all__ = [
    "Bool",
    "Examples",
    "Features",
    "Float32",
    "Float64",
    "Int8",
    "Int32",
    "Int64",
    "NBest",
    "Predictions",
    "SpanCandidates",
    "SpanScores",
    "TrainEvent",
    "ragged_rows",
]
