"""The kinds of findings: how grave each is, what it is a finding of, what it costs, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""``error``: figures or answers would be wrong, or no run reads the data; ``warning``: some are; ``note``: to know."""
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
Unit = Literal["question", "answer", "context", "text"]


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        severity: how grave it is.
        unit: what is counted.
        title: what is the case, without a number.
        cost: what follows for training and for scores.
        mend: what ``--fix`` does about it; ``""`` where nothing is safe to do.
    """

    severity: Severity
    unit: Unit
    title: str
    cost: str
    mend: str = ""


_REFUSED = "qatk refuses to train on or to score such data"
_LEAK = "scores on these questions may measure memory, not skill"

KINDS: dict[str, Kind] = {
    "misplaced-answer": Kind(
        "error",
        "answer",
        "stands elsewhere than answer_start says",
        "training would teach other words: qatk stops at it",
        "moved to the nearest place where its text stands",
    ),
    "misspelt-answer": Kind(
        "error",
        "answer",
        "stands in its context only with other blanks, case, quotes, dashes or form of Unicode",
        "no exact span matches it: it cannot be trained on, and exact match may be out of reach",
        "replaced by the words of the nearest such place",
    ),
    "absent-answer": Kind(
        "error",
        "answer",
        "does not stand in its context",
        "it cannot be trained on, and no span can match it",
    ),
    "blank-answer": Kind(
        "error",
        "answer",
        "is empty or blank",
        "it is neither an answer nor 'no answer', which is an empty list: qatk stops at it",
        "left out where other answers remain or is_impossible says that there are none",
    ),
    "unreadable-cell": Kind(
        "error",
        "question",
        "has an answer that is no text, a start that is no position or an is_impossible that is neither true nor false",
        f"{_REFUSED}; roles.answer_start=null (or another role) says that no column holds it",
    ),
    "duplicate-id": Kind(
        "error",
        "question",
        "has an id that stands more than once",
        "predictions are kept by id: one would overwrite another",
        "left out where all is the same, else renamed (-2, -3 ...)",
    ),
    "empty-field": Kind(
        "error",
        "question",
        "has an id, question or context that is empty or blank",
        "a model cannot answer it, and readers of rows refuse it",
    ),
    "missing-answers": Kind(
        "error",
        "question",
        "does not say what its answers are, while others do",
        f"it is not the same as having none: {_REFUSED}",
    ),
    "contradictory-flag": Kind(
        "error",
        "question",
        "has an is_impossible that says other than its answers",
        "systems differ in which of the two they follow; qatk and the official script follow the answers",
        "is_impossible set to what the answers say",
    ),
    "contradictory-answerability": Kind(
        "error",
        "question",
        "stands twice for a context, once with and once without an answer",
        "no system can have both right",
    ),
    "overlapping-spans": Kind(
        "error", "question", "has two spans that are both due and overlap", f"they cannot both be given: {_REFUSED}"
    ),
    "broken-character": Kind(
        "error",
        "text",
        "has half of a surrogate pair",
        f"no tokenizer and no file takes it: {_REFUSED}",
        "replaced by U+FFFD",
    ),
    "question-in-train": Kind("error", "question", "is in the training data too, with its context", _LEAK),
    "contradictory-answers": Kind(
        "warning",
        "question",
        "stands twice for a context, with no answer in common",
        "training pulls both ways, and no prediction is an exact match for both; F1 may still give part of the mark",
    ),
    "no-gold": Kind(
        "warning",
        "question",
        "has no gold answers",
        "no question has them, and such data can neither train a model nor score it",
    ),
    "cut-word": Kind(
        "warning",
        "answer",
        "begins or ends within a word or number",
        "most tokenizers cannot give it: exact match is out of reach, and answer_start may be wrong",
    ),
    "padded-answer": Kind(
        "warning",
        "answer",
        "begins or ends with blanks or punctuation that is not of it",
        "training teaches to include it; EM and F1 ignore it in English",
        "cut off, and answer_start moved",
    ),
    "nothing-to-score": Kind(
        "warning",
        "answer",
        "is punctuation or an article alone",
        "official scoring removes both: the answer does not count, and without another one 'no answer' is right",
    ),
    "unknown-place": Kind(
        "warning",
        "answer",
        "has no answer_start and stands in its context once",
        "it is scored but not trained on",
        "given the place where it stands",
    ),
    "ambiguous-place": Kind(
        "warning",
        "answer",
        "has no answer_start and stands in its context several times",
        "it is not trained on, or at a place that a rule chooses",
    ),
    "control-characters": Kind(
        "warning",
        "text",
        "has control characters, or characters of no width",
        "tokenizers drop or split at them, so that offsets and answers differ by what is not seen",
        "removed, or replaced by a blank where they part words",
    ),
    "html-remains": Kind(
        "warning",
        "text",
        "has tags or entities of HTML",
        "they take room in windows, and answers across them match no prediction",
    ),
    "mixed-unicode": Kind(
        "warning",
        "text",
        "is not in Unicode form NFC",
        "the same word in two forms is two words for models and for EM/F1",
        "brought to NFC",
    ),
    "near-question-in-train": Kind(
        "warning", "question", "is nearly the same as one of the training data, with the same context", _LEAK
    ),
    "context-in-train": Kind("warning", "context", "is in the training data too", _LEAK),
    "near-context-in-train": Kind("warning", "context", "is nearly the same as one of the training data", _LEAK),
    "repeated-question": Kind(
        "note", "question", "stands more than once for its context, with the same answers", "it counts more than once"
    ),
    "replacement-character": Kind(
        "note", "text", "has U+FFFD, which stands for a character that was lost", "what was there is not known"
    ),
    "question-of-other-context": Kind(
        "note",
        "question",
        "is the same as one of the training data, of another context",
        "not a leak in itself: many questions follow a pattern",
    ),
    "annotators-disagree": Kind(
        "note",
        "question",
        "has answers of which no two share a word",
        "the best system has less than full marks on it, whoever is right",
    ),
}
"""By name, the gravest first."""
