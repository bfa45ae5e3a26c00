"""Groups of questions by their context, and by what question and context share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qatk.api import Examples, LanguageOptions, NoOptions
from qatk.display import words_of
from qatk.evaluation import FUNCTION_WORDS, normalisation_of
from qatk.types import Bool
from qatk_builtin.slicers.groups import coded

_LENGTHS = ("up to 80 words", "81-120", "121-160", "161-240", "241-480", "more than 480")
_LONGER_THAN = (80, 120, 160, 240, 480)
_SHARES = ("up to 25 %", "26-50 %", "51-75 %", "76-100 %")
_QUARTER = 0.25


class ContextLength:
    """Groups by the number of words of the context; of scripts without blanks each character is one."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; the groups are disjoint and cover every question. Empty ones are left out."""
        words = np.fromiter((len(words_of(text)) for text in examples.context), np.int64, len(examples.context))
        return coded(_LENGTHS, np.searchsorted(_LONGER_THAN, words)[examples.context_index])


class QuestionOverlap:
    """Groups by the share of the question's content words that stand in the context.

    Words are those of the metric's normalisation, each counted once, without
    :data:`qatk.evaluation.error_kinds.FUNCTION_WORDS`; no stems, so ``built`` and ``build`` are two. Of scripts without
    blanks each character is a word. The language is that of the run's metrics, unless the options name another.
    """

    def __init__(self, options: LanguageOptions) -> None:
        self.options = options
        self.normalisation = normalisation_of(options.language, options.language_column)

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; questions without content words are in none."""
        contexts = self._contexts(examples)
        forms = self.normalisation.texts(examples, examples.question)
        questions = [set(words_of(form)) - FUNCTION_WORDS for form in forms]
        asked = np.fromiter(map(len, questions), np.int64, len(questions))
        of_context = zip(questions, examples.context_index.tolist(), strict=True)
        found = np.fromiter((len(words & contexts[row]) for words, row in of_context), np.int64, len(questions))
        share = found / np.maximum(asked, 1)
        codes = np.minimum(np.ceil(share / _QUARTER).astype(np.int64) - 1, len(_SHARES) - 1)
        return coded(_SHARES, np.where(asked == 0, -1, np.maximum(codes, 0)))

    def _contexts(self, examples: Examples) -> list[set[str]]:
        """The words of each context, by the language of the first question about it."""
        used, rows = np.unique(examples.context_index, return_index=True)
        forms = self.normalisation.texts(examples.take(rows), [examples.context[row] for row in used.tolist()])
        found = [set[str]() for _ in examples.context]
        for row, form in zip(used.tolist(), forms, strict=True):
            found[row] = set(words_of(form))
        return found
