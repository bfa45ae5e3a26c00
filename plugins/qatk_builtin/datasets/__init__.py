"""Sources of examples: SQuAD files, the hub, generated passages. Registration only; see the sibling modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from qatk.api import AboveZero, Component, DatasetPart, Fraction, Natural, Options, Positive, hookimpl
from qatk.data import BadAnswers
from qatk_builtin.datasets.augment_options import AugmentOptions
from qatk_builtin.datasets.table_options import Ambiguous, DataPath, Delimiter, NoAnswer, Roles, TableOptions


class SquadOptions(Options):
    """Options of the ``squad`` dataset."""

    path: DataPath
    """SQuAD file (JSON, v1.1 or v2, plain or .gz), relative to the working directory."""
    bad_answers: BadAnswers = "error"
    """How to treat an answer that is blank or not at its answer_start: stop with a list of them (error); keep its text
    for scoring with an unknown position (keep); leave out the answer (skip); or move it to the nearest place where its
    text occurs (fix)."""
    columns: list[str] = Field(default_factory=list)
    """Additional keys of the questions, their paragraphs and articles to read, such as ``difficulty``, for the
    ``column`` slicer and for plugins; ``["*"]`` reads all that have one value a question."""


class HubOptions(Options):
    """Options of the ``hub`` dataset."""

    name: str
    """Data set of the Hugging Face hub, or a local folder that ``datasets.load_dataset`` can read."""
    config: str | None = None
    """Configuration, if the data set has several."""
    split: str = "train"
    """Split, in the syntax of ``datasets``: validation, train[:10%] ..."""
    revision: str | None = None
    """Branch, tag or commit of the data set; set it for reproducible figures."""
    streaming: bool = False
    """Read rows as they come instead of fetching the whole data set first; with ``limit`` the rest is never fetched."""
    limit: Positive | None = None
    """Number of rows to read; without it, all."""
    roles: Roles = Field(default_factory=dict)
    """Column of the data set for each of ``id``, ``question``, ``context`` ..., as for ``table``; columns with usual
    names are found without it."""
    no_answer: NoAnswer = Field(default_factory=list)
    """As for ``table``."""
    ambiguous: Ambiguous = "first"
    """As for ``table``."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``."""
    columns: list[str] = Field(default_factory=list)
    """Additional columns to read, as for ``squad``."""


class PassagesOptions(Options):
    """Options of the ``passages`` dataset."""

    path: DataPath | list[DataPath]
    """File, glob, or list of them: .txt, in which blank lines separate passages, or those of ``table``, with one a row;
    plain, .gz or .zst."""
    column: str | None = None
    """Column of a table that holds the passages; ``null`` takes one with a usual name, such as ``context`` or
    ``text``."""
    delimiter: Delimiter = None
    """As for ``table``."""
    quotes: bool = True
    """As for ``table``."""


class FactsOptions(Options):
    """Options of the ``facts`` dataset."""

    questions: Annotated[Positive, Field(le=10_000_000)] = 1000
    """Number of questions."""
    seed: int = 0
    """Seed of the passages; different seeds share no invented things."""
    hard: Fraction = 0.5
    """Share of passages about two things with similar attributes; the others are about one thing."""
    unanswerable: Fraction = 0.3
    """Share of questions that their passage does not answer."""
    long: Fraction = 0.05
    """Share of passages that are several hundred words long."""
    lists: Fraction = 0.0
    """Share of passages about several towns. Their questions ask for all towns that share something: answers of one to
    seven spans, all of them due."""


class MultiSpanQaOptions(Options):
    """Options of the ``multispanqa`` dataset."""

    path: DataPath
    """MultiSpanQA file: JSON, plain or .gz; relative to the working directory."""
    columns: list[str] = Field(default_factory=list)
    """Further keys of the questions to read, such as ``structure``: for the ``column`` slicer and for plugins."""


class QedOptions(Options):
    """Options of the ``qed`` dataset."""

    path: DataPath
    """QED file: JSON Lines, plain or .gz; relative to the working directory."""
    spans: Literal["sentence", "answer"] = "sentence"
    """Spans to ask for: the sentence that answers the question, or the answers, where the paragraph names them."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``; ``skip`` leaves out questions whose spans overlap too."""


class EvidenceOptions(Options):
    """Options of the ``evidence`` dataset."""

    path: DataPath
    """A .jsonl (plain or .gz) or .parquet file of questions with spans by characters; relative to the working
    directory."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``; ``skip`` leaves out questions whose spans overlap too."""
    columns: list[str] = Field(default_factory=list)
    """Further keys of the rows to read, as for ``squad``."""


class MrqaOptions(Options):
    """Options of the ``mrqa`` dataset."""

    path: DataPath
    """MRQA file: JSON Lines with a header line, plain or .gz; relative to the working directory."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``."""


class LabelledOptions(Options):
    """Options that the exports of labelling tools share."""

    path: DataPath
    """File that the tool exported, plain or .gz; relative to the working directory."""
    context: str = ""
    """Field of a task that holds its text; by default the first of text, context, passage, paragraph, document."""
    question: str = ""
    """Field of a task that holds its question; by default the first of question, query, q, if tasks have one. Without
    such a field every label asks a question of every text, see ``questions``."""
    questions: dict[str, str] = Field(default_factory=dict)
    """Question that each label stands for, such as ``{PRICE: What does it cost?}``; other labels are not read. By
    default a label's name is its question. If tasks have a question, only the labels named here answer it."""
    spans: Literal["alternatives", "due"] = "alternatives"
    """What several spans of one annotator are: answers any of which is right, or parts of the answer that are all due
    (then one annotation of each task is read)."""
    bad_answers: BadAnswers = "error"
    """As for ``squad``; ``skip`` leaves out questions whose spans overlap too."""
    columns: list[str] = Field(default_factory=list)
    """Further fields of the tasks to read, such as ``page``, as for ``squad``; the field ``title`` is the title."""


class LabelStudioOptions(LabelledOptions):
    """Options of the ``label-studio`` dataset."""


class DoccanoOptions(LabelledOptions):
    """Options of the ``doccano`` dataset."""


class MixOptions(Options):
    """Options of the ``mix`` dataset."""

    sets: Annotated[dict[str, DatasetPart], Field(min_length=1)]
    """The datasets by name, each as in a recipe: ``{squad: {use: squad, path: a.json}, own: {use: table, ...}}``."""
    most: dict[str, Positive] = Field(default_factory=dict)
    """Largest number of questions to take, by set; they are drawn at random."""
    weights: dict[str, AboveZero] = Field(default_factory=dict)
    """Shares in which to draw from the sets, such as ``{own: 3}``; 1 for sets that are not named. No question is drawn
    twice, so the set that is used up first decides how many there are. Without it all are taken."""
    questions: Positive | None = None
    """Total number of questions to draw; without ``weights``, from each set in proportion to its size."""
    both_kinds: bool = False
    """Take only questions of articles (titles; contexts where there are none) that have some with an answer and some
    without, so that an article does not say which kind a question is of."""
    seed: Natural = 13
    """Seed of what is drawn, and of the order of the questions."""
    same_ids: Literal["prefix", "first", "error"] = "prefix"
    """How to treat an id that several sets have: write the set's name before it in all sets but the first (prefix),
    leave out its questions in all sets but the first (first), or stop (error)."""
    column: Annotated[str, Field(min_length=1)] = "source"
    """Column that gets the name of the set, for the ``column`` slicer."""

    @field_validator("most", "weights")
    @classmethod
    def _check_names(cls, value: dict[str, float], info: ValidationInfo) -> dict[str, float]:
        sets = info.data.get("sets", value)
        if unknown := [name for name in value if name not in sets]:
            raise ValueError(f"should name sets ({', '.join(sets)}), of which {unknown[0]!r} is none")
        return value


class GivenOptions(Options):
    """Options of the ``given`` dataset."""

    digest: str
    """SHA-256 of the examples."""


@hookimpl
def qatk_datasets() -> Iterable[Component]:
    """SQuAD files, data sets of the hub, tables, passages about invented things, and files of evidence."""
    return [
        Component(
            "squad",
            f"{__name__}.squad:SquadDataset",
            SquadOptions,
            "SQuAD JSON v1.1 or v2, plain or .gz",
            formerly=("squad",),
        ),
        Component(
            "hub",
            f"{__name__}.hub:HubDataset",
            HubOptions,
            "a data set of the Hugging Face hub or a local folder",
            formerly=("squad",),
        ),
        Component(
            "table",
            f"{__name__}.table:TableDataset",
            TableOptions,
            "CSV, TSV, JSON Lines, JSON, Parquet or Arrow, with any names of columns",
        ),
        Component(
            "passages",
            f"{__name__}.passages:PassagesDataset",
            PassagesOptions,
            "passages without questions, to pretrain on: text files or tables",
        ),
        Component(
            "facts",
            f"{__name__}.facts:FactsDataset",
            FactsOptions,
            "generated passages about invented things",
            formerly=("tiny",),
        ),
        Component(
            "multispanqa",
            f"{__name__}.multispanqa:MultiSpanQaDataset",
            MultiSpanQaOptions,
            "MultiSpanQA: tokens with labels, several spans due",
        ),
        Component("qed", f"{__name__}.qed:QedDataset", QedOptions, "QED: the sentence that answers, or the answers"),
        Component(
            "evidence",
            f"{__name__}.evidence:EvidenceDataset",
            EvidenceOptions,
            "JSON Lines or Parquet with sets of evidence spans",
        ),
        Component("mrqa", f"{__name__}.mrqa:MrqaDataset", MrqaOptions, "MRQA 2019: JSON Lines, plain or .gz"),
        *_labelled(),
        *_made_of_others(),
        Component("given", f"{__name__}.given:GivenDataset", GivenOptions, "examples that a program gave to qatk.run"),
    ]


def _labelled() -> list[Component]:
    return [
        Component(
            "label-studio",
            f"{__name__}.label_studio:LabelStudioDataset",
            LabelStudioOptions,
            "spans labelled with Label Studio: its exports JSON and JSON-MIN",
        ),
        Component(
            "doccano",
            f"{__name__}.doccano:DoccanoDataset",
            DoccanoOptions,
            "spans labelled with doccano: its export JSONL",
        ),
    ]


def _made_of_others() -> list[Component]:
    made = "another dataset, and questions made out of it"
    return [
        Component("mix", f"{__name__}.mix:MixDataset", MixOptions, "several datasets, with weights or caps"),
        Component("augment", f"{__name__}.augment:AugmentDataset", AugmentOptions, made),
    ]
