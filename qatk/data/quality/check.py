"""All checks of a data set, in one go."""

from __future__ import annotations

from qatk.data.quality.answers import answer_findings
from qatk.data.quality.findings import Found, Quality, findings_of, short
from qatk.data.quality.overlap import overlap_findings
from qatk.data.quality.questions import question_findings
from qatk.data.quality.texts import text_findings
from qatk.data.strict import raw_of
from qatk.evaluation.agreement import Agreement, agreement_among, answers_alone
from qatk.languages import ENGLISH, Normalisation
from qatk.memory import without_collector
from qatk.types import Examples, RawExamples


def check(
    data: Examples | RawExamples,
    against: Examples | RawExamples | None = None,
    normalisation: Normalisation = ENGLISH,
    *,
    show: int = 3,
) -> Quality:
    """What is wrong with a data set; it may be broken in any way.

    Args:
        data: as :func:`qatk.data.read` gives it, or examples.
        against: the training data of which an evaluation set must hold nothing.
        normalisation: by which normaliser two answers are the same.
        show: how many finds of each kind to put in words.

    Raises:
        UsageError: for what is neither.
    """
    raw = raw_of(data)
    with without_collector():
        agreement = _agreement(raw, normalisation)
        found = [*question_findings(raw, normalisation), *answer_findings(raw, normalisation), *text_findings(raw)]
        found += [_disagreement(raw, agreement), _unread(raw)]
        if against is not None:
            found += overlap_findings(raw, raw_of(against))
        return Quality(
            questions=len(raw),
            contexts=len(raw.context),
            answers=len(raw.answer_text),
            findings=findings_of(raw, iter(found), show),
            agreement=agreement if agreement is not None and agreement.repeated else None,
            normaliser=normalisation.name_of(raw),
        )


def _agreement(raw: RawExamples, normalisation: Normalisation) -> Agreement | None:
    """The agreement of alternative answers; of texts that no examples hold the broken characters are replaced."""
    if not raw.has_gold.any():
        return None
    columns = {name: raw.columns[name] for name in (normalisation.column,) if name is not None}
    texts = [text.encode("utf-8", "replace").decode() for text in raw.answer_text]
    return agreement_among(answers_alone(raw.answer_offsets, texts, columns, raw.answer_span), normalisation)


def _unread(raw: RawExamples) -> Found:
    said: dict[int, list[str]] = {}
    for row, what in sorted(raw.unread, key=lambda cell: cell[0]):
        said.setdefault(row, []).append(what)
    return Found("unreadable-cell", list(said), lambda number: "; ".join(list(said.values())[number]))


def _disagreement(raw: RawExamples, agreement: Agreement | None) -> Found:
    rows = [] if agreement is None else agreement.rows[agreement.f1_of_rows == 0].tolist()

    def say(number: int) -> str:
        begin, end = raw.answer_offsets[rows[number] : rows[number] + 2]
        return ", ".join(short(text) for text in dict.fromkeys(raw.answer_text[begin:end]))

    return Found("annotators-disagree", rows, say)
