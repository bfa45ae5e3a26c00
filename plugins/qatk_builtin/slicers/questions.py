"""Groups of questions by what is asked and what the gold answer is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from qatk.api import DataError, Examples, LanguageOptions, NoOptions
from qatk.display import occurrences, words_of
from qatk.evaluation import normalisation_of
from qatk.types import Bool, Int64
from qatk_builtin.slicers import ColumnOptions
from qatk_builtin.slicers.groups import biggest, coded
from qatk_builtin.slicers.question_words import GROUPS, group_of

_LENGTHS = ("no answer", "1 word", "2-3", "4-6", "7 or more")
_LONGER_THAN = (1, 3, 6)
_QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")
_SPANS = ("1 span", "2 spans", "3 spans", "4 spans or more")
_TIMES = ("once", "twice", "3 times or more")


class QuestionWord:
    """Groups by the first question word, wherever it stands: "In what year" belongs to ``what``.

    Words are those of the question's language, which is that of the run's metrics, unless the options name another.
    """

    def __init__(self, options: LanguageOptions) -> None:
        self.options = options
        self.normalisation = normalisation_of(options.language, options.language_column)

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; the groups are disjoint and cover every question. Empty ones are left out."""
        code = {name: i for i, name in enumerate(GROUPS)}
        languages = (name.partition("-")[0] for name in self.normalisation.names_of_rows(examples))
        asked = zip(examples.question, languages, strict=True)
        return coded(GROUPS, np.fromiter((code[group_of(q, of)] for q, of in asked), np.int8, len(examples)))


class Answerable:
    """Groups by whether the gold says that the context answers the question."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; none where all questions are of one, or gold is absent."""
        if examples.answer_offsets is None:
            return {}
        groups = coded(("answerable", "unanswerable"), np.where(examples.has_answer, 0, 1))
        return groups if len(groups) > 1 else {}


class AnswerLength:
    """Groups by the number of words of the first gold answer; of scripts without blanks each character is one."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; the groups are disjoint and cover every question. Empty ones are left out.

        Examples without gold make no group.
        """
        if examples.answer_offsets is None:
            return {}
        rows, first = _first_answers(examples)
        words = np.fromiter((len(words_of(examples.answer_text[k])) for k in first.tolist()), np.int64, len(first))
        codes = np.zeros(len(examples), np.int64)
        codes[rows] = 1 + np.searchsorted(_LONGER_THAN, words)
        return coded(_LENGTHS, codes)


class AnswerSpans:
    """Groups by the number of spans in the gold answer, for data in which some answers have several."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; questions without an answer are in none. No groups where no answer has several spans."""
        if examples.answer_span is None:
            return {}
        return coded(_SPANS, np.minimum(examples.spans_due, len(_SPANS)) - 1)


class AnswerPosition:
    """Groups by the quarter of the context, in characters, in which the first gold answer starts."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; questions without an answer, or with one of unknown place, are in none."""
        if examples.answer_offsets is None:
            return {}
        rows, first = _first_answers(examples)
        start = examples.answer_start[first].astype(np.int64)
        lengths = np.fromiter(map(len, examples.context), np.int64, len(examples.context))
        quarter = 4 * start // np.maximum(lengths[examples.context_index[rows]], 1)
        codes = np.full(len(examples), -1, np.int64)
        codes[rows] = np.where(start < 0, -1, np.minimum(quarter, 3))
        return coded(_QUARTERS, codes)


class AnswerOccurrences:
    """Groups by how often the text of the first gold answer stands in the context, as whole words."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group; questions without an answer, or with one that the context lacks, are in none."""
        if examples.answer_offsets is None:
            return {}
        rows, first = _first_answers(examples)
        codes = np.full(len(examples), -1, np.int64)
        for row, k in zip(rows.tolist(), first.tolist(), strict=True):
            codes[row] = min(occurrences(examples.answer_text[k], examples.context_of(row)), 3) - 1
        return coded(_TIMES, codes)


class Article:
    """Groups by title: an article each for the twenty that most questions are asked of, and ``other articles``."""

    def __init__(self, options: NoOptions) -> None:
        self.options = options

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group, the biggest first; none where all titles are the same."""
        return biggest(examples.title, unnamed="no title", others="other articles")


class ColumnSlicer:
    """Groups by the values of a column of the data, which the dataset's option ``columns`` must name."""

    def __init__(self, options: ColumnOptions) -> None:
        self.options = options
        self.title = options.name

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        """bool[n] a group, the biggest first.

        Raises:
            DataError: where the data has no such column.
        """
        name = self.options.name
        if name not in examples.columns:
            known = ", ".join(examples.columns) or "none"
            fix = f"read it with the data: `columns: [{name}]` beside the path or name in data.dev"
            raise DataError(f"there is no column {name!r} to slice by (columns read: {known})", fix=fix)
        return biggest(examples.columns[name], unnamed=f"no {name}", others="other values", alone=True)


def _first_answers(examples: Examples) -> tuple[Int64, Int64]:
    """The questions that have an answer, and the place of the first of each among all answers."""
    assert examples.answer_offsets is not None
    rows = np.flatnonzero(examples.has_answer)
    return rows, examples.answer_offsets[rows]
