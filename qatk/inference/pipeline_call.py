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
_BOTH = ("question", "context")
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
    asked = _by_name(asked)
    if isinstance(asked, Mapping):
        asked = _zipped(asked["question"], asked["context"]) if {*_BOTH} <= set(asked) else [asked]
    if not isinstance(asked, Iterable) and _is_list(asked):
        rows = cast("Sequence[object]", asked)  # a data set of torch, whose rows are numbered
        return (rows[number] for number in range(len(rows)))
    if isinstance(asked, str) or not isinstance(asked, Iterable):
        raise ValueError(f"{type(asked).__name__} is neither a question with its context nor a list of them")
    return [question_of(item) for item in asked] if isinstance(asked, list | tuple) else asked


def _zipped(question: object, context: object) -> list[object]:
    """Questions with their contexts; one of either goes with all of the other."""
    given = {"question": question, "context": context}
    lists = {name: list(_values(value)) for name, value in given.items() if _is_list(value)}
    for name, value in given.items():
        if name not in lists and not isinstance(value, str | None):
            raise ValueError(f"{name} should be a text or a list of texts, not {type(value).__name__}")
    if not lists:
        return [given]
    sizes = {name: len(values) for name, values in lists.items()}
    if len({*sizes.values()}) > 1:
        raise ValueError(", but ".join(counted(size, name) for name, size in sizes.items()))
    (size,) = {*sizes.values()}
    questions, contexts = (lists.get(name, [value] * size) for name, value in given.items())
    return [{"question": one, "context": other} for one, other in zip(questions, contexts, strict=True)]


def _is_list(value: object) -> bool:
    """Whether it has values with numbers: a list, tuple, array, or a column of a frame or of a data set."""
    return all(hasattr(value, name) for name in ("__len__", "__getitem__")) and not isinstance(
        value, str | bytes | Mapping
    )


def _values(column: object) -> Iterable[object]:
    """Those of a column; Arrow has its own form of them."""
    values = column.to_pylist() if hasattr(column, "to_pylist") else column
    return cast("Iterable[object]", values)


def _by_name(item: object) -> object:
    """A frame, or an object with a question, as a mapping of what is known of :data:`_BOTH`; all else as it is."""
    if hasattr(item, "columns"):
        held = {*getattr(item, "column_names", item.columns)}  # of Arrow, whose columns are the values
        return {name: cast("Mapping[str, object]", item)[name] for name in _BOTH if name in held}
    for ending in ("", "_text"):  # SquadExample of transformers has the latter
        if not isinstance(item, Mapping) and hasattr(item, f"question{ending}"):
            return {name: getattr(item, name + ending) for name in _BOTH if hasattr(item, name + ending)}
    return item


def question_of(item: object) -> Question:
    """A question with its context, checked. Raises ``ValueError`` or ``KeyError``."""
    item = _by_name(item)
    if not isinstance(item, Mapping):
        raise ValueError(f"{type(item).__name__} is no dict with question and context")
    if missing := [name for name in _BOTH if name not in item]:
        raise KeyError(f"a question and its context are needed: {missing[0]} is missing")
    for name in _BOTH:
        if item[name] is None:
            raise ValueError(f"`{name}` cannot be None")
        if not isinstance(item[name], str):
            raise ValueError(f"`{name}` should be a text, not {type(item[name]).__name__}")
        if not item[name].strip():
            raise ValueError(f"`{name}` cannot be empty")
    return Question(question=item["question"], context=item["context"])
