"""The results that users and reporters get: evaluations, runs, comparisons."""

from qatk.results.comparison import UNRESOLVED, Comparison, Difference, Interval, Margin, Pair, System
from qatk.results.evaluation import Evaluation, SliceRow
from qatk.results.run import RunResult, StageTime

__all__ = [
    "UNRESOLVED",
    "Comparison",
    "Difference",
    "Evaluation",
    "Interval",
    "Margin",
    "Pair",
    "RunResult",
    "SliceRow",
    "StageTime",
    "System",
]
