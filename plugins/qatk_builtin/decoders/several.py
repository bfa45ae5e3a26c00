"""The ``several`` decoder: answers of any number of spans, from tagged tokens or from scored spans."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qatk.api import DataError, Examples, Features, Predictions, SpanScores
from qatk.evaluation import ENGLISH, exact_and_f1
from qatk.types import Float32, Float64, ragged
from qatk_builtin.decoders import MinNullOptions, SeveralOptions
from qatk_builtin.decoders.best_spans import Spans, join
from qatk_builtin.decoders.min_null import MinNullDecoder, check_windows, least_null
from qatk_builtin.decoders.nbest import apart
from qatk_builtin.decoders.selection import Selection, best_few, closed, in_order
from qatk_builtin.decoders.token_runs import TaggedTokens

WIDE = 100
"""Length of the list of best spans from which those that do not overlap are taken."""
TRIED = 24
"""Thresholds that fitting tries."""
TOKEN_ODDS = np.linspace(-6, 6, TRIED + 1)
"""Those for tokens: the log-odds of 0.25 % to 99.75 %."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """What answers are made of: tagged tokens, or scored spans, best first. n examples.

    Attributes:
        examples: of these.
        null: float32[n], the minimum over each example's windows, 0 where it has none.
        tokens: of a head that tags tokens.
        spans: of other heads, by example, best first.
        others: the n-best spans beside the answer's, in any order.
    """

    examples: Examples
    null: Float32
    tokens: TaggedTokens | None
    spans: Spans
    others: Spans

    def above(self, threshold: float, longest: int) -> Spans:
        """The spans that reach a threshold, in the order of the text, none overlapping; at least the best of each."""
        if self.tokens is not None:
            found = self.tokens.spans(threshold, longest)
            return Spans(found.example, found.char_start, found.char_end, found.score + self.null[found.example])
        spans = self.spans
        best = np.zeros(len(spans), np.bool_)
        if len(spans):
            best = ragged.begins(spans.example)
        return in_order(apart(spans.take(best | (spans.score - self.null[spans.example] >= threshold))))

    def thresholds(self) -> Float64:
        """Some thresholds that part what there is."""
        if self.tokens is not None or not len(self.spans):
            return TOKEN_ODDS
        odds = (self.spans.score - self.null[self.spans.example]).astype(np.float64)
        return np.unique(np.append(np.quantile(odds, np.linspace(0, 1, TRIED)), 0.0))


class SeveralDecoder:
    """Every span whose log-odds reach ``threshold``, unless "no answer" beats the best of them.

    From tagged tokens, spans are runs of tokens that reach the threshold; a run is divided where a token rather begins
    a span than goes on with one. Of a token that several windows hold, the highest log-odds count. A span scores the
    mean of its tokens' log-odds. Of other heads the spans are those of ``min-null``'s n-best list, of which one that
    overlaps a better one is dropped; their log-odds are span score less null score.

    Then gaps of up to ``gap`` characters are closed, and the ``max_spans`` best are kept, in the order of the text.
    Where no span reaches the threshold the best one stays: whether there is an answer at all is decided by
    ``null_threshold`` alone, on the null score less the score of the best span.

    With ``threshold: calibrated`` a run fits the threshold by F1 of the questions that have an answer, held out by
    article, and keeps it for new data (``decoder.json``). F1 is by the normaliser of the run's metrics.
    """

    def __init__(self, options: SeveralOptions) -> None:
        self.options, self.normalisation = options, ENGLISH
        longest, wide = options.max_answer_length, max(options.n_best_size, WIDE)
        self._spans = MinNullDecoder(
            MinNullOptions(n_best_size=wide, max_answer_length=longest, null_threshold="never")
        )
        self._threshold = 0.0 if options.threshold == "calibrated" else float(options.threshold)
        if options.threshold == "calibrated":  # only then it has what makes a FittedDecoder
            self.fit, self.restore = self._fit, self._restore

    @property
    def calibrated(self) -> bool:
        """Whether the null threshold is to be fitted on held-out articles; until it is, it is 0."""
        return self.options.null_threshold == "calibrated"

    def decode(self, examples: Examples, features: Features, scores: SpanScores) -> Predictions:
        """One prediction an example; see :class:`qatk.api.Decoder`.

        Raises:
            PluginError: a score is NaN or too large, or a candidate lies outside its window.
            ValueError: the scores or features are for something else.
        """
        return self._decode(self.candidates(examples, features, scores), self._threshold)

    def _decode(self, found: Candidates, threshold: float, *, always: bool = False) -> Predictions:
        selection = self.select(found, threshold)
        limit = np.inf if always else self.options.limit
        return selection.predictions(found.examples, found.null, limit, self.options.n_best_size)

    def select(self, found: Candidates, threshold: float) -> Selection:
        """The spans of the answers."""
        spans = closed(found.above(threshold, self.options.max_answer_length), self.options.gap)
        return Selection(best_few(spans, self.options.max_spans), found.others)

    def candidates(self, examples: Examples, features: Features, scores: SpanScores) -> Candidates:
        """What the answers are made of."""
        if scores.tokens is None:
            found = self._spans.decode(examples, features, scores)
            best = found.nbest
            assert best is not None
            spans = Spans(ragged.owners(best.offsets), best.char_start, best.char_end, best.score)
            return Candidates(examples, found.null_score, None, spans, spans)
        check_windows(examples, features, scores)
        null = least_null(len(examples), features, scores.null)
        least = (
            min(self._threshold, float(TOKEN_ODDS[0])) if self.options.threshold == "calibrated" else self._threshold
        )
        return Candidates(examples, null, TaggedTokens.of(examples, features, scores, least), join([]), join([]))

    def _fit(self, examples: Examples, features: Features, scores: SpanScores) -> object:
        """The threshold of the best F1 over the questions with an answer; of equally good ones the nearest to 0."""
        if not examples.has_gold:
            raise DataError("the threshold of spans is fitted on gold answers, and there are none")
        found = self.candidates(examples, features, scores)
        f1 = []
        for threshold in (tried := found.thresholds()):
            said = self._decode(found, float(threshold), always=True)
            f1.append(self._f1(examples, said)[examples.has_answer].sum())
        best = np.flatnonzero(np.array(f1) >= max(f1) - 1e-9)
        return {"threshold": float(tried[best[np.argmin(np.abs(tried[best]))]])}

    def _f1(self, examples: Examples, said: Predictions) -> Float64:
        return exact_and_f1(examples, said.text, said.several, self.normalisation)[1]

    def _restore(self, state: object) -> None:
        """Take over a threshold."""
        value = state.get("threshold") if isinstance(state, dict) else None
        if not isinstance(value, int | float):
            raise DataError(f"{state!r} holds no threshold of spans")
        self._threshold = float(value)
