"""The ``augment`` dataset: the questions of another one, and more that are made out of them."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence

import numpy as np

from qatk.api import DataError, DataWarning, Examples, UsageError
from qatk.display import counted
from qatk.types import ragged
from qatk_builtin.datasets.augment_options import AugmentOptions
from qatk_builtin.datasets.augmentations import (
    Made,
    Source,
    Way,
    cloze,
    distract,
    drop_words,
    shuffle,
    swap_entities,
    swap_questions,
)
from qatk_builtin.datasets.recurring import recurring

WAYS: Mapping[str, Way] = {
    "shuffle": shuffle,
    "drop_words": drop_words,
    "distract": distract,
    "swap_questions": swap_questions,
    "swap_entities": swap_entities,
    "cloze": cloze,
    "recurring": recurring,
}
"""All ways, by the names of their options."""
OF_ARTICLES = ("distract", "swap_questions")
"""The ways that need other contexts of an article."""
ROUNDS = 4
"""How often each question is tried, before a way gives fewer questions than are due."""


class AugmentDataset:
    """The ``augment`` dataset: all questions of a set, and for each way so many more as a share of them.

    What a way makes follows from ``seed`` and the way alone, whatever other ways are used. A column says of each
    question how it was made: the name of its way, or ``original``.
    """

    def __init__(self, options: AugmentOptions) -> None:
        self.options = options

    def load(self) -> Examples:
        """Load the set, and make the questions.

        Raises:
            DataError: the set has no gold answers, or nothing was made of it and its own questions are left out.
            UsageError: it has a column of the name that the ways get; and what the set raises.
        """
        return self._augmented(whole=False)

    def load_whole(self) -> Examples:
        """With all further columns of the set; a new question has those of the question that it was made from."""
        return self._augmented(whole=True)

    def _augmented(self, *, whole: bool) -> Examples:
        examples, column = self.options.set.load(whole=whole), self.options.column
        if not examples.has_gold:
            raise DataError("augment: the set has no gold answers", fix="augment data to train on")
        if column in examples.columns:
            raise UsageError(
                f"the set has a column {column!r} already", where="augment", fix="give column another name"
            )
        source = Source(examples, self.options.word_dropout, self.options.blank)
        made = {way: self._made(way, source, round(getattr(self.options, way) * len(examples))) for way in WAYS}
        whole_set = _with(examples, made, column)
        if self.options.originals:
            return whole_set
        if len(whole_set) == len(examples):
            raise DataError(
                "augment: no question was made, and the set's own are left out", fix="raise the share of a way"
            )
        return whole_set.take(range(len(examples), len(whole_set)))

    def _made(self, way: str, source: Source, due: int) -> list[Made]:
        """So many questions of one way, each different, and none of them the set's own about the same context.

        Fewer, with a warning, where no more can be made.
        """
        random = np.random.default_rng([self.options.seed, zlib.crc32(way.encode())])
        found: dict[tuple[str, str], Made] = {}
        for _ in range(ROUNDS if due else 0):
            for row in random.permutation(len(source.examples)).tolist():
                if len(found) == due:
                    return list(found.values())
                new = WAYS[way](source, row, random)
                if new is not None and (asked := (new.question, new.context)) not in source.asked:
                    found.setdefault(asked, new)
        if len(found) < due:
            what = f"augment: {way} made {counted(len(found), 'question')} where {due:,} are due"
            bare = way in OF_ARTICLES and not any(source.examples.title)
            why = (
                "it takes contexts of the same title, and the data have no titles" if bare else "the data give no more"
            )
            warnings.warn(DataWarning(f"{what}: {why}"), stacklevel=4)
        return list(found.values())


def _with(examples: Examples, made: dict[str, list[Made]], column: str) -> Examples:
    """The examples, and after them those that were made."""
    new = [one for ways in made.values() for one in ways]
    rows = [*range(len(examples)), *(one.row for one in new)]
    contexts: dict[str, int] = {}
    places = np.array([contexts.setdefault(text, len(contexts)) for text in examples.context], np.int64)
    added = [contexts.setdefault(one.context, len(contexts)) for one in new]
    index = [*places[examples.context_index].tolist(), *added]
    spans = [*(examples.spans_of_answer(row) for row in range(len(examples))), *(one.spans for one in new)]
    flat = [(answer, number) for each in spans for number, span in enumerate(each) for answer in span]
    kinds = ["original"] * len(examples) + [way for way, ways in made.items() for _ in ways]
    used, among = np.unique(index, return_inverse=True)
    texts = list(contexts)
    return Examples(
        id=_ids(examples, [(one.row, way) for way, ways in made.items() for one in ways]),
        question=[*examples.question, *(one.question for one in new)],
        title=[examples.title[row] for row in rows],
        context=[texts[k] for k in used],
        context_index=among.astype(np.int32),
        answer_offsets=ragged.offsets_of(np.array([sum(map(len, each)) for each in spans], np.int64)),
        answer_text=[answer.text for answer, _ in flat],
        answer_start=np.array([answer.start for answer, _ in flat], np.int32),
        answer_span=np.array([number for _, number in flat], np.int32),
        columns={
            **{name: [values[row] for row in rows] for name, values in examples.columns.items()},
            column: kinds,
        },
    )


def _ids(examples: Examples, made: Sequence[tuple[int, str]]) -> list[str]:
    """The ids, and new ones that say what was made from which."""
    ids = dict.fromkeys(examples.id)
    for row, way in made:
        name, number = f"{examples.id[row]}/{way}", 2
        while name in ids:
            name, number = f"{examples.id[row]}/{way}{number}", number + 1
        ids[name] = None
    return list(ids)
