"""What requests and answers look like: the source of the OpenAPI schema."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from qatk.errors import suggest
from qatk.plugins.options import in_plain_words

Text = Annotated[str, StringConstraints(pattern=r"[^\s\x1c-\x1f\x85]")]
"""A text that is not blank, by what Python takes for blanks; other languages' ``\\s`` is less."""


def _whole(value: object) -> object:
    """JSON has one kind of number: 3.0 is whole."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


TopK = Annotated[int, Field(ge=1, description="How many alternatives to give."), BeforeValidator(_whole)]
Named = Annotated[str | None, Field(description="Name of the model; the first one where none is named.")]
Length = Annotated[Annotated[int, Field(ge=1, le=1_000_000)] | None, BeforeValidator(_whole)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Question(_Strict):
    """A question about a context."""

    question: Text
    context: Text


class One(Question):
    """One question."""

    model: Named = None
    top_k: TopK = 5


class AboutOne(_Strict):
    """Several questions about one context."""

    questions: Annotated[list[Text], Field(min_length=1)]
    context: Text
    model: Named = None
    top_k: TopK = 5


class Many(_Strict):
    """Several questions, each about its own context."""

    questions: Annotated[list[Question], Field(min_length=1)]
    model: Named = None
    top_k: TopK = 5


def _kind(asked: Any) -> str:
    if not isinstance(asked, dict) or "questions" not in asked:
        return "one"
    return "about_one" if "context" in asked else "many"


Asked = Annotated[
    Annotated[One, Tag("one")] | Annotated[AboutOne, Tag("about_one")] | Annotated[Many, Tag("many")],
    Discriminator(_kind),
]


class HubParameters(BaseModel):
    """As the pipeline of transformers had them; others are passed over."""

    model_config = ConfigDict(strict=True)

    top_k: Length = None
    doc_stride: Length = None
    max_answer_len: Length = None
    max_seq_len: Length = None
    max_question_len: Length = None
    handle_impossible_answer: bool | None = None
    align_to_words: bool | None = None


class HubInputs(BaseModel):
    """A question about a context."""

    model_config = ConfigDict(strict=True)

    question: Text
    context: Text


class HubRequest(BaseModel):
    """The hub's inference protocol for question answering."""

    model_config = ConfigDict(strict=True)

    inputs: HubInputs
    parameters: HubParameters | None = None


class HubAnswer(BaseModel):
    """An answer in the hub's protocol; empty from 0 to 0 where there is none."""

    answer: str
    score: float
    start: int
    end: int


HubAnswers = HubAnswer | list[HubAnswer]
"""One answer, or as many as ``top_k`` asks for."""


class Span(BaseModel):
    """A span of the context: characters (code points) from ``start`` to ``end``, the end exclusive."""

    text: str
    start: int
    end: int
    score: float | None


class Candidate(Span):
    """A span that may be the answer, with its probability among the best spans and "no answer"."""

    probability: float


class Answer(BaseModel):
    """An answer; ``""`` at -1 is "no answer"."""

    model: str
    question: str
    answer: str
    start: int
    end: int
    probability: Annotated[
        float, Field(description='Of what was answered, "no answer" included; of several spans, all together.')
    ]
    no_answer_probability: float
    null_odds: Annotated[float | None, Field(description='The higher, the surer is "no answer".')]
    spans: Annotated[list[Span], Field(description="All that was answered, in the order of the context.")]
    candidates: Annotated[list[Candidate], Field(description="The best spans, whether or not one was answered.")]
    promise: Annotated[str | None, Field(description="The error rate that the model promises, where it promises one.")]


class Answers(BaseModel):
    """Answers in the order of the questions."""

    answers: list[Answer]


class Model(BaseModel):
    """A model of this server."""

    name: str
    components: dict[str, str]
    null_threshold: float | None
    promise: str | None
    parameters: int | None = None
    device: str | None = None
    precision: str | None = None


class Bounds(BaseModel):
    """What this server takes."""

    body: int
    context: int
    question: int
    questions: int
    queue: int
    seconds: float
    top_k: int
    keep_alive: int


class Models(BaseModel):
    """The models of this server, the default first, and what it takes."""

    models: list[Model]
    limits: Bounds


class Health(BaseModel):
    """Whether the server takes requests: ``ok``; with status 503 ``draining``, or ``failed`` for good."""

    status: str
    waiting: int


class Problem(BaseModel):
    """What is wrong, where, and what to do."""

    error: str
    where: str | None
    fix: str | None


_FORMS: dict[object, type[BaseModel]] = {"one": One, "about_one": AboutOne, "many": Many}
_DOCS = "/docs says what a request holds"


def said_of(errors: Sequence[Any]) -> tuple[str, str, str | None]:
    """What is wrong, where, and what to do, of the first mistake that pydantic or FastAPI found in a request."""
    kind, place = errors[0]["type"], errors[0]["loc"]
    where = ".".join(str(part)[:200] for part in place if part != "body" and part not in _FORMS) or "body"
    if kind == "string_pattern_mismatch":
        return "the text is blank", where, None
    if kind == "missing":
        return "this is missing", where, _DOCS
    if kind == "extra_forbidden":
        form = next((_FORMS[part] for part in place if part in _FORMS), Question)
        return (
            "nothing of this name is known",
            where,
            suggest(str(place[-1])[:200], (form if len(place) < 4 else Question).model_fields),
        )
    if kind == "model_attributes_type":
        return "should be an object", where, _DOCS
    return in_plain_words(errors[0]), where, None
