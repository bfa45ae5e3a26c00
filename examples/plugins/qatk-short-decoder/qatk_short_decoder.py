"""A qatk decoder in plain numpy: the best span, with a penalty for long answers."""

import numpy as np

from qatk.api import Component, Options, answers_of_spans, hookimpl, spans_of_window


class ShortOptions(Options):
    """Options of the ``short`` decoder."""

    penalty: float = 0.1
    """Penalty for each token after the first."""
    max_answer_length: int = 30
    """The longest answer, in tokens."""
    null_threshold: float = 0.0
    """Abstain if null score minus best span score is above this."""


class ShortDecoder:
    """The span with the highest start + end - penalty * (tokens - 1), against the minimum null score of the windows."""

    def __init__(self, options):
        self.options = options

    def decode(self, examples, features, scores):
        best, null = np.full((2, len(examples)), [[-np.inf], [np.inf]], np.float32)
        start, end = np.full((2, len(examples)), -1, np.int32)
        np.minimum.at(null, features.example_index, scores.null)
        for window, row in enumerate(features.example_index):
            spans = spans_of_window(features, scores, window, self.options.max_answer_length)
            score = (spans.score - self.options.penalty * (spans.tokens - 1)).astype(np.float32)
            for k in np.lexsort((spans.char_end, spans.char_start, -score))[:1]:
                if (-score[k], spans.char_start[k], spans.char_end[k]) < (-best[row], start[row], end[row]):
                    best[row], start[row], end[row] = score[k], spans.char_start[k], spans.char_end[k]
        return answers_of_spans(examples, start, end, best, null, null_threshold=self.options.null_threshold)


@hookimpl
def qatk_decoders():
    return [Component("short", ShortDecoder, ShortOptions, "best span with a penalty for each token, in plain numpy")]
