"""The types that cross between components: frozen columns in Arrow's layout (flat values and offsets).

Nothing here is padded and nothing here is torch. Every type checks its shapes and dtypes when it is made,
and marks its arrays read-only. Letters in shapes: n examples, c distinct contexts, F features (windows),
T tokens of all features together.
"""

from qatk.columns import Bool, Float32, Float64, Int8, Int32, Int64, ragged_rows
from qatk.inputs import Examples, Features
from qatk.outputs import NBest, Predictions, SpanCandidates, SpanScores, TrainEvent

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
