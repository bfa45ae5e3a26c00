"""An audit: what tokenizer, windows and the decoder's cap leave of the gold answers, and which options leave more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from qatk.data.letters import Letters, find_lost_letters
from qatk.errors import DataError, FeatureError, counted
from qatk.evaluation.reachability import IN_REACH, Reach, reach_of
from qatk.evaluation.token_spans import CUT, FITS, LOST, UNPLACED, TokenSpans, find_token_spans
from qatk.languages import ENGLISH, Normalisation
from qatk.types import Examples, Features

Featurize = Callable[[Examples, int, int], Features]
"""Makes windows of examples, ``max_length`` and ``doc_stride``; raises :class:`FeatureError` where these cannot be."""

SAMPLE = 5_000
"""Questions on which other windows are tried, where there are more."""
LENGTHS = (64, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096, 8192)
CAPS = (5, 10, 15, 20, 30, 50, 75, 100, 150, 200)
_WORDS_WITHOUT = 1_000
"""One word in so many that lacks letters is an error, even where no answer does."""
_MUCH = 0.05
"""The share of answerable questions out of reach that is an error."""


@dataclass(frozen=True)
class Choice:
    """Windows of other sizes, and what they cost.

    Attributes:
        max_length, doc_stride: the options.
        windows, tokens: a question.
        in_reach: share of the answerable questions whose answer a window holds and tokens can give, without a cap.
    """

    max_length: int
    doc_stride: int
    windows: float
    tokens: float
    in_reach: float


@dataclass(frozen=True)
class Shown:
    """A gold answer and what its tokens give."""

    id: str
    answer: str
    start: int
    given: str


@dataclass(frozen=True)
class Finding:
    """What is wrong, and what to do."""

    severity: Literal["error", "warning"]
    what: str
    fix: str


@dataclass(frozen=True, eq=False)
class Audit:
    """What an audit found.

    Attributes:
        questions, answerable: how many there are.
        windows, tokens: a question.
        most_windows: of one question.
        cut_questions: questions that the featurizer shortened.
        fits: gold answers by :data:`qatk.evaluation.token_spans.FITS`.
        shown: some answers of each of these, but for ``exact``.
        out_of_reach: answerable questions without any answer in reach, by reason.
        cap: the most tokens of an answer; ``None`` for no cap.
        longest: tokens of the longest answer that is due.
        caps: share of the answerable questions in reach of the windows whose answer has no more tokens than each cap.
        letters: letters that tokens leave out.
        choices: other windows; the first is the one in use.
        sampled: on how many questions these were tried.
        findings: errors first.
    """

    questions: int
    answerable: int
    windows: float
    tokens: float
    most_windows: int
    cut_questions: int
    fits: Mapping[str, int]
    shown: Mapping[str, Sequence[Shown]]
    out_of_reach: Mapping[str, int]
    cap: int | None
    longest: int
    caps: Mapping[int, float]
    letters: Letters
    choices: Sequence[Choice]
    sampled: int
    findings: Sequence[Finding]

    @property
    def in_reach(self) -> float:
        """The share of the answerable questions that can be answered as the gold does."""
        return 1 - sum(self.out_of_reach.values()) / self.answerable

    @property
    def failed(self) -> bool:
        """Whether something is an error."""
        return any(finding.severity == "error" for finding in self.findings)


def audit(
    examples: Examples,
    featurize: Featurize,
    *,
    max_length: int,
    doc_stride: int,
    longest: int,
    cap: int | None = None,
    show: int = 3,
    normalisation: Normalisation = ENGLISH,
) -> Audit:
    """Audit windows of examples, and try others.

    Args:
        examples: with gold.
        featurize: makes the windows.
        max_length: of the windows to audit.
        doc_stride: of the windows to audit.
        longest: the most tokens a window may have.
        cap: the most tokens an answer may have; ``None`` for no cap.
        show: answers of each kind to show.
        normalisation: by which normaliser two texts are the same to the metric.

    Raises:
        DataError: where no question has an answer.
        FeatureError: where these windows cannot be made.
    """
    if not examples.has_gold or not examples.has_answer.any():
        raise DataError("there is nothing to audit: no question has an answer", fix="name data with gold answers")
    features = featurize(examples, max_length, doc_stride)
    spans = find_token_spans(examples, features, normalisation)
    reach, letters = reach_of(examples, features, spans, cap), find_lost_letters(examples, features)
    few = examples.take(_rows(examples))
    choices = [] if not len(few) else _choices(few, featurize, (max_length, doc_stride), longest, normalisation)
    answered = examples.has_answer
    needed = reach.tokens[answered & (reach.tokens > 0)]
    caps = sorted({*CAPS, *([cap] if cap else []), int(needed.max(initial=0))} - {0})
    found = Audit(
        questions=len(examples),
        answerable=int(answered.sum()),
        windows=len(features) / len(examples),
        tokens=len(features.input_ids) / len(examples),
        most_windows=int(reach.windows.max()),
        cut_questions=features.counts.get("questions_cut", 0),
        fits={name: int((spans.fit == code).sum()) for code, name in enumerate(FITS)},
        shown=_shown(examples, spans, show),
        out_of_reach=reach.out_of_reach(),
        cap=cap,
        longest=int(needed.max(initial=0)),
        caps={n: float((needed <= n).mean()) for n in caps if n <= needed.max(initial=0)},
        letters=letters,
        choices=choices,
        sampled=len(few),
        findings=(),
    )
    return replace(found, findings=sorted(_findings(found), key=lambda finding: finding.severity))


def _rows(examples: Examples) -> list[int]:
    """Rows evenly spread, at most :data:`SAMPLE`."""
    step = -(-len(examples) // SAMPLE)
    return list(range(0, len(examples), step))


def _shown(examples: Examples, spans: TokenSpans, show: int) -> dict[str, list[Shown]]:
    owners = examples.answer_owners
    found: dict[str, list[Shown]] = {}
    for code, name in enumerate(FITS):
        if not code or not show or code == UNPLACED:
            continue
        for k in np.flatnonzero(spans.fit == code)[:show].tolist():
            row, begin, end = int(owners[k]), int(spans.char_start[k]), int(spans.char_end[k])
            given = examples.context_of(row)[begin:end] if begin >= 0 else ""
            shown = Shown(examples.id[row], examples.answer_text[k], int(examples.answer_start[k]), given)
            found.setdefault(name, []).append(shown)
    return found


def _choices(
    examples: Examples, featurize: Featurize, used: tuple[int, int], longest: int, normalisation: Normalisation
) -> list[Choice]:
    """The windows in use, then those next to them, from short to long."""
    max_length, doc_stride = used
    lengths = sorted({length for length in (*LENGTHS, longest) if length <= longest} | {max_length})
    place = lengths.index(max_length)
    near = lengths[max(0, place - 2) : place + 3]
    pairs = [(length, stride) for length in near for stride in sorted({length // 4, length // 3, doc_stride})]
    found = []
    for length, stride in [used, *(pair for pair in pairs if pair != used)]:
        try:
            features = featurize(examples, length, stride)
        except FeatureError:
            continue  # the question or the stride leaves no room
        reach = reach_of(examples, features, find_token_spans(examples, features, normalisation))
        n, held = len(examples), _share(examples, reach)
        found.append(Choice(length, stride, len(features) / n, len(features.input_ids) / n, held))
    return found


def _share(examples: Examples, reach: Reach) -> float:
    answered = examples.has_answer
    return float((reach.code[answered] == IN_REACH).mean()) if answered.any() else 1.0


def best_choice(choices: Sequence[Choice]) -> Choice | None:
    """The cheapest of the windows that hold nearly all that any of them hold; ``None`` of none."""
    if not choices:
        return None
    most = max(choice.in_reach for choice in choices)
    return min((choice for choice in choices if choice.in_reach >= most - 0.0005), key=lambda choice: choice.tokens)


def _findings(found: Audit) -> list[Finding]:
    said: list[Finding] = []
    lost, letters = found.fits[FITS[LOST]], found.letters
    if lost or letters.lost:
        word, left = letters.shown[0] if letters.shown else ("", "")
        seen = f": {word!r} is {left!r}" if word else ""
        what = f"tokens leave out letters: {letters.first:,} first letters of {letters.words:,} words"
        what += f", {letters.lost:,} letters in all{seen}; {counted(lost, 'gold answer')}"
        severe = lost > 0 or letters.lost * _WORDS_WITHOUT >= letters.words
        fix = "the tokenizer's offsets are wrong: make its tokenizer.json anew, or choose another model"
        said.append(Finding("error" if severe else "warning", what, fix))
    if cut := found.fits[FITS[CUT]]:
        what = f"{counted(cut, 'gold answer', 'begins')} or {'ends' if cut == 1 else 'end'} inside a token"
        said.append(Finding("warning", what, "correct the answers, or choose a model with finer tokens"))
    for reason, option, better in (
        ("window", "max_length and doc_stride", _better_windows(found)),
        ("cap", "max_answer_length", _better_cap(found)),
    ):
        if number := found.out_of_reach.get(reason, 0):
            are = "is" if number == 1 else "are"
            what = f"{number:,} of {counted(found.answerable, 'answerable question')} {are} out of reach by {option}"
            said.append(Finding("warning", what, better))
    if found.in_reach < 1 - _MUCH:
        what = f"only {100 * found.in_reach:.1f} % of the answerable questions can be answered right"
        said.append(Finding("error", what, "see what the other findings say"))
    if found.cut_questions:
        what = f"{counted(found.cut_questions, 'question', 'is')} cut"
        said.append(Finding("warning", what, "raise max_question_length"))
    return said


def _better_windows(found: Audit) -> str:
    best = best_choice(found.choices)
    if best is None or best == found.choices[0]:
        return "no other windows that the model takes hold more"
    times = best.tokens / found.choices[0].tokens
    return f"max_length {best.max_length}, doc_stride {best.doc_stride} takes {times:.2f} times the tokens"


def _better_cap(found: Audit) -> str:
    enough = next((cap for cap, share in found.caps.items() if share >= 0.995), found.longest)
    share = 100 * found.caps.get(enough, 1.0)
    return f"max_answer_length {enough} reaches {share:.1f} %; the longest answer has {counted(found.longest, 'token')}"
