"""The results that users and reporters get: evaluations, runs, comparisons."""

from qatk.results.comparison import UNRESOLVED, Comparison, Difference, Interval, Margin, Pair, System
from qatk.results.evaluation import Evaluation, SliceRow
from qatk.results.needed import Needed
from qatk.results.run import RunResult, StageTime

__all__ = [
    "UNRESOLVED",
    "Comparison",
    "Difference",
    "Evaluation",
    "Interval",
    "Margin",
    "Needed",
    "Pair",
    "RunResult",
    "SliceRow",
    "StageTime",
    "System",
]
