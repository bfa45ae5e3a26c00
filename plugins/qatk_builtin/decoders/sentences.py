"""The ``sentences`` decoder: whole sentences around the spans that ``several`` finds."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from sentencex import get_sentence_boundaries

from qatk.api import Examples, Features, SpanScores
from qatk.types import Int64, ragged
from qatk_builtin.decoders import SentencesOptions
from qatk_builtin.decoders.best_spans import Spans
from qatk_builtin.decoders.selection import Selection, best_few, closed, in_order
from qatk_builtin.decoders.several import Candidates, SeveralDecoder


class SentencesDecoder(SeveralDecoder):
    """As ``several``, each span widened to the sentences that it lies in; sentences that were found twice count once.

    Sentences are divided by ``sentencex``, by the rules of ``language``; those of a language that it does not know are
    general ones, which know the full stops of most scripts. A sentence has the score of the best span in it, and the
    blanks around it are left out. ``gap: 1`` makes neighbouring sentences one span.
    """

    options: SentencesOptions

    def candidates(self, examples: Examples, features: Features, scores: SpanScores) -> Candidates:
        """What the answers are made of; the n-best are sentences too."""
        found = super().candidates(examples, features, scores)
        spans = found.spans
        best = spans.take(ragged.places_in_runs(spans.example) < self.options.n_best_size)
        return replace(found, others=self._widened(examples, best))

    def select(self, found: Candidates, threshold: float) -> Selection:
        """The sentences of the answers."""
        kept = self._widened(found.examples, found.above(threshold, self.options.max_answer_length))
        return Selection(best_few(closed(kept, self.options.gap), self.options.max_spans), found.others)

    def _widened(self, examples: Examples, spans: Spans) -> Spans:
        """The sentences that spans lie in, each once, in the order of the text, with the best of their scores."""
        rows: list[tuple[int, int, int, float]] = []
        columns = (spans.example, spans.char_start, spans.char_end, spans.score)
        for example, start, end, score in zip(*(column.tolist() for column in columns), strict=True):
            begins, ends = _sentences(self.options.language, examples.context_of(example))
            low = int(np.searchsorted(ends, start, side="right"))
            high = int(np.searchsorted(begins, end, side="left"))
            rows += [(example, int(begins[k]), int(ends[k]), score) for k in range(low, high)]
        example, start, end, score = (np.array([row[k] for row in rows]) for k in range(4))
        widened = in_order(
            Spans(example.astype(np.int64), start.astype(np.int32), end.astype(np.int32), score.astype(np.float32))
        )
        if not rows:
            return widened
        first = np.flatnonzero(ragged.begins(widened.example, widened.char_start))
        best = np.maximum.reduceat(widened.score, first)
        return Spans(widened.example[first], widened.char_start[first], widened.char_end[first], best)


@lru_cache(maxsize=4096)
def _sentences(language: str, context: str) -> tuple[Int64, Int64]:
    """Where the sentences of a context begin and end, without the blanks around them."""
    edges = []
    for found in get_sentence_boundaries(language, context):
        text = found["text"]
        if bare := text.strip():
            begin = found["start_index"] + len(text) - len(text.lstrip())
            edges.append((begin, begin + len(bare)))
    table = np.array(edges, np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
