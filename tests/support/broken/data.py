"""Metrics, normalisers, slicers and datasets that break one promise each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from qatk.api import Examples, LanguageOptions, NoOptions, Predictions, RawExamples
from qatk.types import Bool, Float64
from qatk_builtin.metrics.squad import SquadMetric


class Plain:
    def __init__(self, options: NoOptions) -> None: ...


# metrics


class GoodMetric(SquadMetric):
    """Right."""

    def __init__(self, options: Any) -> None:
        super().__init__(LanguageOptions())

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        found = super().score(examples, predictions).items()
        return {self.called(name): self.spoil(values, examples, predictions) for name, values in found}

    def called(self, name: str) -> str:
        return f"lenient_{name}"

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values


class Single(GoodMetric):
    """float32."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values.astype(np.float32)


class Official(GoodMetric):
    """Called as the official metric is."""

    def called(self, name: str) -> str:
        return name


class CorpusOfficial(GoodMetric):
    """A figure of the whole set that is called as an official one."""

    def corpus(self, examples: Examples, predictions: Predictions) -> Mapping[str, float]:
        return {"HasAns_f1": 1.0}


class Percent(GoodMetric):
    """Per cent."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values * 100


class Sorted(GoodMetric):
    """Sorted values."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return np.sort(values)


class Relative(GoodMetric):
    """Relative to the best of the set."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return values * values.mean()


class Reversed(GoodMetric):
    """1 for wrong."""

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        return 1 - values


class Counting(GoodMetric):
    """Falls with every call."""

    calls = 0

    def spoil(self, values: Float64, examples: Examples, predictions: Predictions) -> Any:
        self.calls += 1
        return values / self.calls


# normalisers


class GoodNormaliser(Plain):
    """Lower case."""

    def normalise(self, texts: Sequence[str]) -> Any:
        return [" ".join(text.lower().split()) for text in texts]


class OneText(GoodNormaliser):
    """All in one."""

    def normalise(self, texts: Sequence[str]) -> Any:
        return " ".join(super().normalise(texts))


class Blanks(GoodNormaliser):
    """Blanks as they are."""

    def normalise(self, texts: Sequence[str]) -> Any:
        return [text.lower() for text in texts]


class Growing(GoodNormaliser):
    """A token more each time."""

    def normalise(self, texts: Sequence[str]) -> Any:
        return [f"{form} ." for form in super().normalise(texts)]


class Numbered(GoodNormaliser):
    """By the place among the texts, unless they are normal already."""

    def normalise(self, texts: Sequence[str]) -> Any:
        forms = super().normalise(texts)
        return [
            f"{form} {k}" if form != text else form for k, (form, text) in enumerate(zip(forms, texts, strict=True))
        ]


# slicers


class GoodSlicer(Plain):
    """Long and short questions."""

    def masks(self, examples: Examples) -> Mapping[str, Bool]:
        long = np.array([len(q) > 20 for q in examples.question], np.bool_)
        return {name: mask for name, mask in (("long", long), ("short", ~long)) if mask.any()}


class Empty(GoodSlicer):
    """A group for which there is nothing."""

    def masks(self, examples: Examples) -> Any:
        return {**super().masks(examples), "very long": np.zeros(len(examples), np.bool_)}


class Indices(GoodSlicer):
    """Row numbers, not masks."""

    def masks(self, examples: Examples) -> Any:
        return {name: np.flatnonzero(mask) for name, mask in super().masks(examples).items()}


class FirstHalf(GoodSlicer):
    """By row number."""

    def masks(self, examples: Examples) -> Any:
        return {"first half": np.arange(len(examples)) < len(examples) / 2}


class GoodAnswers(GoodSlicer):
    """Long and short questions, and long answers."""

    def masks_of_answers(self, examples: Examples, predictions: Predictions) -> Mapping[str, Bool]:
        long = np.array([len(text) > 3 for text in predictions.text], np.bool_)
        return {"long answers": long} if long.any() else {}


class AnswersByRow(GoodAnswers):
    """By row number, beside good groups."""

    def masks_of_answers(self, examples: Examples, predictions: Predictions) -> Mapping[str, Bool]:
        return {"first": np.arange(len(examples)) == 0} if len(examples) else {}


class Chance(GoodSlicer):
    """By chance."""

    def masks(self, examples: Examples) -> Any:
        return {str(np.random.default_rng().integers(1 << 40)): np.ones(len(examples), np.bool_)}


# datasets


class GoodDataset(Plain):
    """Two questions of one context."""

    def load(self) -> Examples:
        return Examples(**{**self.columns(), **self.spoil()})

    def columns(self) -> dict[str, Any]:
        return {
            "id": ["a", "b"],
            "question": ["Who?", "When?"],
            "title": ["", ""],
            "context": ["Ada did, in 1843."],
            "context_index": np.zeros(2, np.int32),
            "answer_offsets": np.array([0, 1, 2], np.int64),
            "answer_text": ["Ada", "1843"],
            "answer_start": np.array([0, 12], np.int32),
        }

    def spoil(self) -> dict[str, Any]:
        return {}

    def raw(self, *, whole: bool = False) -> RawExamples:
        return RawExamples.of(self.load())


class RawElsewhere(GoodDataset):
    """Other questions in its raw data."""

    def raw(self, *, whole: bool = False) -> RawExamples:
        return RawExamples.of(replace(self.load(), question=["Who?", "Where?"]))


class LosesOne(GoodDataset):
    """The last question of each block is lost."""

    def stream(self, size: int) -> Iterator[Examples]:
        yield from (self.load().take([row]) for row in range(len(self.load()) - 1))


class NoExamples(GoodDataset):
    """None."""

    def load(self) -> Examples:
        return super().load().take([])


class SameIds(GoodDataset):
    """Ids twice."""

    def spoil(self) -> dict[str, Any]:
        return {"id": ["a", "a"]}


class NoneTexts(GoodDataset):
    """A question that is None."""

    def spoil(self) -> dict[str, Any]:
        return {"question": ["Who?", None]}


class Misplaced(GoodDataset):
    """Byte offsets, or whatever."""

    def spoil(self) -> dict[str, Any]:
        return {"answer_start": np.array([0, 11], np.int32)}


class Overlapping(GoodDataset):
    """Two spans that are both due, one inside the other."""

    def spoil(self) -> dict[str, Any]:
        return {
            "answer_offsets": np.array([0, 1, 3], np.int64),
            "answer_text": ["Ada", "in 1843", "1843"],
            "answer_start": np.array([0, 9, 12], np.int32),
            "answer_span": np.array([0, 0, 1], np.int32),
        }


class Shuffled(GoodDataset):
    """In another order each time."""

    def load(self) -> Examples:
        return replace(super().load(), id=[f"{np.random.default_rng().integers(1 << 40)}", "b"])


class Third(GoodDataset):
    """Other ids when it is asked for the third time."""

    asked = 0

    def load(self) -> Examples:
        self.asked += 1
        return replace(super().load(), id=["a" if self.asked < 3 else "c", "b"])


class ByState(GoodDataset):
    """In the order of the global generator, which it leaves as it was."""

    def load(self) -> Examples:
        before = np.random.get_state()
        order = np.random.permutation(50)[:1] % 2
        np.random.set_state(before)
        return replace(super().load(), id=[f"{int(order[0])}{before[1][0]}", "b"])


class Repeated(GoodDataset):
    """The context once a question."""

    def spoil(self) -> dict[str, Any]:
        return {"context": self.columns()["context"] * 2, "context_index": np.arange(2, dtype=np.int32)}


BROKEN = {
    "metric": {
        Single: "values-have-the-right-form",
        Official: "values-have-the-right-form",
        CorpusOfficial: "values-have-the-right-form",
        Percent: "values-are-fractions",
        Sorted: "row-order-does-not-matter",
        Relative: "questions-do-not-touch-each-other",
        Reversed: "gold-is-worth-most",
        Counting: "is-deterministic",
    },
    "normaliser": {
        OneText: "forms-have-the-right-form",
        Blanks: "tokens-stand-between-single-blanks",
        Growing: "twice-is-once",
        Numbered: "texts-do-not-touch-each-other",
    },
    "slicer": {
        Indices: "masks-have-the-right-form",
        Empty: "no-group-is-empty",
        AnswersByRow: "row-order-does-not-matter",
        FirstHalf: "row-order-does-not-matter",
        Chance: "is-deterministic",
    },
    "dataset": {
        NoExamples: "gives-examples",
        SameIds: "ids-are-unique",
        NoneTexts: "columns-are-texts",
        Misplaced: "answers-stand-where-they-say",
        Overlapping: "spans-do-not-overlap",
        Shuffled: "is-deterministic",
        Third: "is-deterministic",
        ByState: "is-deterministic",
        Repeated: "contexts-are-stored-once",
        LosesOne: "streams-what-is-loaded",
        RawElsewhere: "raw-has-what-is-loaded",
    },
}
GOOD = {"metric": GoodMetric, "normaliser": GoodNormaliser, "slicer": GoodSlicer, "dataset": GoodDataset}
