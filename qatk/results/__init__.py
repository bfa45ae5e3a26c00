"""What qatk gives back, and all that reporters see: evaluations, runs, comparisons."""

from qatk.results.comparison import Comparison, Difference, Interval, Pair, System
from qatk.results.evaluation import Evaluation, SliceRow
from qatk.results.run import RunResult, StageTime

__all__ = [
    "Comparison",
    "Difference",
    "Evaluation",
    "Interval",
    "Pair",
    "RunResult",
    "SliceRow",
    "StageTime",
    "System",
]
