"""What a call of the pipeline asks: questions and options, in all the forms that transformers took."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import cast

from typing_extensions import TypedDict

from qatk.errors import UsageError, counted


class Question(TypedDict):
    """A question with its context."""

    question: str
    context: str


class CallOptions(TypedDict, total=False):
    """The options of a call; see :class:`qatk.inference.pipeline.QuestionAnsweringPipeline`."""

    top_k: int
    max_answer_len: int
    max_seq_len: int
    doc_stride: int
    max_question_len: int
    handle_impossible_answer: bool
    align_to_words: bool
    padding: object
    batch_size: int


OPTIONS = tuple(CallOptions.__annotations__)
"""All of them, by their names of today."""
NAMES = {"max_length": "max_seq_len", "max_question_length": "max_question_len", "max_answer_length": "max_answer_len"}
"""What featurizers and decoders call some of them."""
_OWN = re.compile(rf"\b({'|'.join(NAMES)})\b")
IDLE = ("framework", "use_fast", "num_workers")
"""What transformers took, and what changes no answer: PyTorch, fast tokenizers and one process are all there is."""


def checked_options(options: Mapping[str, object]) -> CallOptions:
    """Options of a call by their names of today. Raises as the pipeline of transformers did."""
    found = {name: value for name, value in options.items() if name not in IDLE}
    if options.get("framework") not in (None, "pt"):
        raise ValueError(f"framework {options['framework']!r} is not there: qatk computes with PyTorch ('pt')")
    if "topk" in found:
        warnings.warn("topk is deprecated: use top_k", UserWarning, stacklevel=3)
        found.setdefault("top_k", found.pop("topk"))
    if unknown := [name for name in found if name not in OPTIONS]:
        raise TypeError(f"unknown option {unknown[0]!r}: known are {', '.join(OPTIONS)}")
    for name in ("top_k", "max_answer_len", "batch_size"):
        if (value := found.get(name)) is not None and not (isinstance(value, Integral) and int(value) >= 1):
            raise ValueError(f"{name} should be 1 or more, not {value}")
    return cast(CallOptions, {name: value for name, value in found.items() if value is not None})


@contextmanager
def in_its_names() -> Iterator[None]:
    """Errors of the model name options as the pipeline does."""
    try:
        yield
    except UsageError as error:
        error.what, error.fix = _renamed(error.what), error.fix and _renamed(error.fix)
        raise


def _renamed(text: str) -> str:
    return _OWN.sub(lambda found: NAMES[found[0]], text)


def questions_of(arguments: Sequence[object], given: Mapping[str, object]) -> list[Question] | Iterable[object]:
    """The questions of a call; a list where all are there, else whatever gives them one by one."""
    if len(arguments) == 2 and all(isinstance(text, str) for text in arguments):
        asked: object = [{"question": arguments[0], "context": arguments[1]}]
    elif arguments:
        asked = arguments[0] if len(arguments) == 1 else list(arguments)
    elif "data" in given or "X" in given:
        asked = given.get("data", given.get("X"))
    elif "question" in given and "context" in given:
        asked = _zipped(given["question"], given["context"])
    else:
        raise ValueError("a question and a context are needed: question=..., context=...")
    if isinstance(asked, Mapping):
        asked = _zipped(asked["question"], asked["context"]) if {"question", "context"} <= set(asked) else [asked]
    if not isinstance(asked, Iterable) and hasattr(asked, "__getitem__") and hasattr(asked, "__len__"):
        rows = asked  # a data set of torch, whose rows are numbered
        return (rows[number] for number in range(len(rows)))
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise ValueError(f"{type(asked).__name__} is neither a question with its context nor a list of them")
    return [question_of(item) for item in asked] if isinstance(asked, list | tuple) else asked


def _zipped(question: object, context: object) -> list[object]:
    if isinstance(question, str) and isinstance(context, str):
        return [{"question": question, "context": context}]
    if isinstance(question, list) and isinstance(context, str):
        return [{"question": one, "context": context} for one in question]
    if isinstance(question, list) and isinstance(context, list):
        if len(question) != len(context):
            raise ValueError(f"{counted(len(question), 'question')}, but {counted(len(context), 'context')}")
        return [{"question": one, "context": other} for one, other in zip(question, context, strict=True)]
    if question is None or context is None:
        return [{"question": question, "context": context}]
    raise ValueError("question and context should be texts, or lists of texts")


def question_of(item: object) -> Question:
    """A question with its context, checked. Raises ``ValueError`` or ``KeyError``."""
    if not isinstance(item, Mapping):
        item = vars(item) if hasattr(item, "question") else item
    if not isinstance(item, Mapping):
        raise ValueError(f"{type(item).__name__} is no dict with question and context")
    for name in ("question", "context"):
        if name not in item:
            raise KeyError(f"a dict with the keys question and context is needed: {name} is missing")
        if item[name] is None:
            raise ValueError(f"`{name}` cannot be None")
        if not isinstance(item[name], str) or not item[name].strip():
            raise ValueError(f"`{name}` cannot be empty")
    return Question(question=item["question"], context=item["context"])
