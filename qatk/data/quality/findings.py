"""What a check found, in numbers, ids and words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

from qatk.data.quality.kinds import KINDS, SEVERITIES, Severity, Unit
from qatk.display import shortened
from qatk.evaluation.agreement import Agreement
from qatk.languages import DEFAULT
from qatk.types import RawExamples


@dataclass(frozen=True)
class Found:
    """All finds of one kind, not yet in words.

    Attributes:
        kind: one of :data:`KINDS`.
        rows: the question of each find.
        say: what is found there, by its number in ``rows``.
    """

    kind: str
    rows: Sequence[int]
    say: Callable[[int], str]


@dataclass(frozen=True)
class Finding:
    """All finds of one kind.

    Attributes:
        kind: its name.
        severity: ``error``, ``warning`` or ``note``.
        unit: what is counted: questions, answers, contexts or texts.
        count: how many.
        of: how many there are in all.
        title, cost, mend: as of :class:`qatk.data.quality.kinds.Kind`.
        ids: the questions, each once.
        places: where the question of each find stands, as of :attr:`RawExamples.place`.
        examples: some of them in words.
    """

    kind: str
    severity: Severity
    unit: Unit
    count: int
    of: int
    title: str
    cost: str
    mend: str
    ids: Sequence[str]
    places: Sequence[str]
    examples: Sequence[str]


@dataclass(frozen=True)
class Quality:
    """What a check found.

    Attributes:
        questions, contexts, answers: how many were checked.
        findings: the gravest first; none where all is well.
        agreement: how far annotators agree; ``None`` where no question has the same answer from several.
        normaliser: by which answers were compared.
    """

    questions: int
    contexts: int
    answers: int
    findings: Sequence[Finding] = field(default_factory=tuple)
    agreement: Agreement | None = None
    normaliser: str = DEFAULT

    @property
    def errors(self) -> list[Finding]:
        """The findings of severity ``error``."""
        return [finding for finding in self.findings if finding.severity == "error"]

    def plain(self) -> dict[str, object]:
        """All of it as JSON values."""
        agreement = None if self.agreement is None else self.agreement.plain()
        return {**asdict(self), "agreement": agreement}


def findings_of(raw: RawExamples, found: Iterator[Found], show: int) -> list[Finding]:
    """The finds by severity and kind, so many of each in words."""
    sizes: dict[Unit, int] = {
        "question": len(raw),
        "answer": len(raw.answer_text),
        "context": len(raw.context),
        "text": len(raw) + len(raw.answer_text) + len(raw.context) + len(set(raw.title)),
    }
    made = {each.kind: _finding(raw, each, sizes, show) for each in found if each.rows}
    grave = sorted(KINDS, key=lambda name: SEVERITIES.index(KINDS[name].severity))
    return [made[name] for name in grave if name in made]


def _finding(raw: RawExamples, found: Found, sizes: dict[Unit, int], show: int) -> Finding:
    kind = KINDS[found.kind]
    return Finding(
        kind=found.kind,
        severity=kind.severity,
        unit=kind.unit,
        count=len(found.rows),
        of=sizes[kind.unit],
        title=kind.title,
        cost=kind.cost,
        mend=kind.mend,
        ids=list(dict.fromkeys(raw.id[row] for row in found.rows)),
        places=[raw.place(row) for row in found.rows],
        examples=[f"{raw.name_and_place(row)}: {found.say(number)}" for number, row in enumerate(found.rows[:show])],
    )


def short(text: str) -> str:
    """A text as a finding quotes it."""
    return repr(text if len(text) <= 60 else shortened(text, 59))
