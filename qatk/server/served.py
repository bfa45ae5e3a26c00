"""The models of a server: their names, and what answers in each of its threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from qatk.inference.model import AnsweringModel
from qatk.inference.pipeline import QuestionAnsweringPipeline


class Pair(NamedTuple):
    """A question and what it is about."""

    question: str
    context: str


@dataclass(frozen=True)
class Work:
    """What is asked of which model. Questions of equal work are answered together.

    Attributes:
        model: its name.
        form: of the answers: ``reply`` is qatk's own, ``pipeline`` that of the hub's protocol.
        options: ``top_k`` of a reply; of the pipeline those of its call.
    """

    model: str
    form: Literal["reply", "pipeline"]
    options: tuple[tuple[str, int | bool], ...]


Answerer = Callable[[Work, Sequence[Pair]], Sequence[object]]
"""One answer a pair, ready for JSON."""


def answerer(models: Mapping[str, AnsweringModel]) -> Answerer:
    """What answers in one thread: it shares the weights of the models, and nothing else."""
    mine = {name: model.twin() for name, model in models.items()}
    pipelines = {name: QuestionAnsweringPipeline(model) for name, model in mine.items()}

    def answer(work: Work, pairs: Sequence[Pair]) -> Sequence[object]:
        questions, contexts = [pair.question for pair in pairs], [pair.context for pair in pairs]
        options = dict(work.options)
        if work.form == "pipeline":
            found = pipelines[work.model](question=questions, context=contexts, **options)
            return found if len(pairs) > 1 else [found]
        model = mine[work.model]
        replies = model.answers(questions, contexts, **options)
        return [{"model": work.model, "promise": None, **reply.as_dict()} for reply in replies]

    return answer


def described(name: str, model: AnsweringModel) -> dict[str, object]:
    """What the list of models says of one."""
    known, parts = model.described, [part for part in vars(model.parts).values() if part is not None]
    return {
        "name": name,
        "components": {part.registered.kind: part.registered.name for part in parts},
        "null_threshold": model.threshold,
        "promise": None if model.promise is None else model.promise.says,
        **{key: known[key] for key in ("parameters", "device", "precision") if key in known},
    }


def computes_on_cpu(model: AnsweringModel) -> bool:
    """Whether it is the CPU that computes, as far as the trainer says."""
    return model.described.get("device") == "cpu"
