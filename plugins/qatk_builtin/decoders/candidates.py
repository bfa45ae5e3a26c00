"""The valid ones among spans that a model scored as a whole."""

from __future__ import annotations

import numpy as np

from qatk.api import Examples, Features, PluginError, SpanCandidates
from qatk_builtin.decoders.best_spans import Spans


def check_candidates(examples: Examples, features: Features, candidates: SpanCandidates) -> None:
    """Raise unless each candidate lies inside its window, be it valid or not.

    Raises:
        PluginError: with the example's id.
        ValueError: a candidate's window is not there.
    """
    window = candidates.feature
    if len(window) and not 0 <= window[0] <= window[-1] < len(features):
        raise ValueError(f"candidates for windows {window[0]} to {window[-1]} where there are {len(features)}")
    length = features.lengths[window]
    outside = (np.minimum(candidates.start, candidates.end) < 0) | (
        np.maximum(candidates.start, candidates.end) >= length
    )
    if outside.any():
        at = int(outside.argmax())
        span = f"tokens {candidates.start[at]} to {candidates.end[at]} of a window of {length[at]}"
        raise PluginError(
            f"the model scored {span}",
            where=f"example {examples.id[features.example_index[window[at]]]}",
            fix="start and end of a candidate are positions within its window",
        )


def valid_candidates(features: Features, candidates: SpanCandidates, rows: slice, max_answer_length: int) -> Spans:
    """Those of these candidates, which are inside their windows, that are valid spans; in any order."""
    window, score = candidates.feature[rows], candidates.score[rows]
    first = features.token_offsets[window] + candidates.start[rows]
    last = features.token_offsets[window] + candidates.end[rows]
    spans = Spans(
        features.example_index[window].astype(np.int64), features.char_start[first], features.char_end[last], score
    )
    in_order = (first <= last) & (last - first < max_answer_length)
    in_context = (spans.char_start >= 0) & (features.char_start[last] >= 0) & (spans.char_end > spans.char_start)
    return spans.take(in_order & in_context & (score > -np.inf))
