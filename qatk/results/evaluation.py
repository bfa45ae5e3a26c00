"""What a run or an evaluation gives back: plain objects with typed fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from qatk.display.html import Row, figures_html
from qatk.statistics.intervals import mean_interval
from qatk.types import Bool, Examples, Float64, Int8, Int32, Predictions


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions held against gold.

    Attributes:
        metrics: the official script's keys (``exact``, ``f1``, ``total``, ``HasAns_*``, ``NoAns_*``, and with null
            odds ``best_exact``, ``best_exact_thresh``, ``best_f1``, ``best_f1_thresh``) and those of other metrics;
            rates in per cent.
        per_question: float64[n] for each per-question metric, as fractions.
        slices: groups of questions, in the order to show them.
        masks: the groups themselves, by slicer and name: bool[n].
        reach: int8[n], whether a gold answer could have been given at all, and if not why: codes of
            :data:`qatk.evaluation.reachability.REACHES`; ``None`` where it is not known, as of prediction files.
        windows: int32[n], windows of tokens that each question was read in; ``None`` where it is not known.
    """

    examples: Examples
    predictions: Predictions
    metrics: Mapping[str, float]
    per_question: Mapping[str, Float64]
    slices: Sequence[SliceRow] = ()
    masks: Mapping[str, Mapping[str, Bool]] = field(default_factory=dict)
    reach: Int8 | None = None
    windows: Int32 | None = None

    @property
    def reachable(self) -> Bool | None:
        """bool[n]: whether a gold answer, or no answer where that is right, could have been given."""
        return None if self.reach is None else self.reach == 0

    def _repr_html_(self) -> str:
        slices = [
            Row(f"{s.slicer}: {s.name}", s.total, [(value, s.intervals.get(m)) for m, value in s.metrics.items()])
            for s in self.slices
        ]
        return figures_html(self.per_question, self._groups(), slices)

    def _groups(self) -> Iterator[Row]:
        has_answer = self.examples.has_answer
        for name, rows in (("all", has_answer | True), ("HasAns", has_answer), ("NoAns", ~has_answer)):
            if rows.any() and (name == "all" or not rows.all()):
                columns = [column[rows] for column in self.per_question.values()]
                yield Row(name, int(rows.sum()), [(100 * float(c.mean()), mean_interval(c)) for c in columns])


@dataclass(frozen=True)
class SliceRow:
    """Figures of one group of questions.

    Attributes:
        slicer, name: who made the group, and its name.
        total: how many questions it has.
        metrics: mean of each per-question metric, in per cent.
        intervals: 95 % interval of each mean (low, high), in per cent.
    """

    slicer: str
    name: str
    total: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
