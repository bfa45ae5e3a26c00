"""The question-answering pipeline that transformers had until version 5.3: the same call, the same answers.

Two things differ: scores of different windows are comparable (transformers normalised each window separately), and
equal texts at different positions remain different answers (transformers merged them).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import islice
from threading import Lock
from typing import Any

from typing_extensions import TypedDict

from qatk.display import in_whole_words
from qatk.errors import UsageError
from qatk.inference.model import AnsweringModel
from qatk.inference.pipeline_call import (
    CallOptions,
    Question,
    checked_options,
    in_its_names,
    question_of,
    questions_of,
)
from qatk.inference.pipeline_model import device_name, loaded_model
from qatk.inference.reply import Candidate, Reply
from qatk.plugins.protocols import Tokenizer

TASK = "question-answering"
DEFAULT_MODEL = "distilbert/distilbert-base-cased-distilled-squad"
"""The default model of the pipeline of transformers."""
LAZY = 128
"""The number of questions to take from a generator at a time if ``batch_size`` is not given."""
KEPT = 16
"""The number of settings of calls whose featurizer and decoder are kept for the next call."""
_MORE = 20
"""Spans that are fetched beyond ``top_k``: those that are alike once they are aligned to words take one place."""


class Found(TypedDict):
    """An answer, as transformers gave it."""

    score: float
    start: int
    end: int
    answer: str


Answers = Found | list[Found]
"""Of one question: an answer, or several where ``top_k`` is above 1."""


def pipeline(
    task: str = TASK,
    model: object = None,
    *,
    tokenizer: object = None,
    device: object = None,
    dtype: object = None,
    torch_dtype: object = None,
    revision: str | None = None,
    trust_remote_code: bool | None = None,
    runtime: str | None = None,
    **options: object,
) -> QuestionAnsweringPipeline:
    """A question-answering pipeline that is called like that of transformers.

    Args:
        task: ``question-answering``.
        model: what :func:`qatk.load_model` takes or returns, or a model of transformers together with its
            ``tokenizer``.
        tokenizer: a folder, a hub id or a fast tokenizer; by default the model's own.
        device: as in transformers: -1 or ``"cpu"``, a number or ``"cuda"``, a ``torch.device``. The GPU is always the
            first that ``CUDA_VISIBLE_DEVICES`` shows.
        dtype: as in transformers: ``"float32"`` (the default of a checkpoint), ``"bfloat16"``, ``"float16"``;
            ``"auto"`` is the fastest on this machine. The default of a run is its own precision; that of an export is
            fixed.
        torch_dtype: the old name of ``dtype``.
        revision: of a model of the hub: a branch, tag or commit.
        trust_remote_code: whether the checkpoint may run Python code of its own.
        runtime: what predicts, as in :func:`qatk.load_model`: on a CPU ``"openvino:int8"`` is fast.
        options: defaults for the options of a call, see :class:`QuestionAnsweringPipeline`.

    Raises:
        KeyError: for another task.
        QatkError: as in :func:`qatk.load_model`, and for a loaded model with another device, say.
    """
    if task != TASK:
        raise KeyError(f"unknown task {task!r}: qatk.pipeline does {TASK!r} alone")
    if model is None:
        warnings.warn(f"no model was named: {DEFAULT_MODEL} is taken", UserWarning, stacklevel=2)
        model = DEFAULT_MODEL
    checked_options(options)  # before a model is fetched
    if torch_dtype is not None:
        warnings.warn("torch_dtype is deprecated: use dtype", UserWarning, stacklevel=2)
    source = {"revision": revision, "trust_remote_code": trust_remote_code or None}
    source = {name: value for name, value in source.items() if value is not None}
    if isinstance(model, AnsweringModel):
        chosen = {"tokenizer": tokenizer, "device": device, "dtype": dtype or torch_dtype, "runtime": runtime, **source}
        if given := [name for name, value in chosen.items() if value is not None]:
            fix = "load it with them: qatk.load_model, or qatk.pipeline with its name"
            raise UsageError("a loaded model keeps what it was loaded with", where=", ".join(given), fix=fix)
        return QuestionAnsweringPipeline(model, **options)
    loaded = loaded_model(model, tokenizer, device_name(device), dtype or torch_dtype, runtime, source)
    return QuestionAnsweringPipeline(loaded, **options)


def install_pipeline() -> None:
    """Register the task ``question-answering`` with transformers, which no longer has it.

    Programs that call ``transformers.pipeline("question-answering", ...)`` then run unchanged.

    Raises:
        ImportError: if transformers is not installed.
    """
    transformers = import_module("transformers")  # at run time: the core does without it
    pipelines = import_module("transformers.pipelines")
    getattr(pipelines, "REMOVED_TASKS", {}).pop(TASK, None)  # which it looks at before its registry
    wanted = {name: name == "_load_tokenizer" for name in dir(pipelines.Pipeline) if name.startswith("_load_")}
    pipelines.PIPELINE_REGISTRY.register_pipeline(
        TASK,
        pipeline_class=type("QuestionAnsweringPipeline", (_Registered,), wanted),
        pt_model=transformers.AutoModelForQuestionAnswering,
        default={"model": (DEFAULT_MODEL, "main")},
        type="text",
    )


class QuestionAnsweringPipeline:
    """Answers questions about contexts as transformers did: with ``score``, ``start``, ``end`` and ``answer``.

    Call it with ``question=`` and ``context=``: texts, or lists, tuples, arrays or columns of them; one of either goes
    with all of the other. Or with a dict, a frame or an object that has both, or a list of these. A single question
    returns its answer, several return a list. Any other iterable, such as a generator or a data set of ``datasets``, is
    read lazily while its answers are consumed.

    Options of a call, or defaults for all calls:

    - ``top_k`` (1): the number of answers; more than one are returned as a list. ``topk`` is the old name.
    - ``max_answer_len`` (15): the maximum answer length, in tokens.
    - ``max_seq_len`` (that of a run; otherwise 384, or less if the model requires it): the maximum window length, in
      tokens.
    - ``doc_stride`` (that of a run; otherwise 128; at most half a window): the overlap of two windows, in tokens.
    - ``max_question_len`` (64): longer questions are truncated.
    - ``handle_impossible_answer`` (False): "no answer" may be among the answers, as ``""`` from 0 to 0.
    - ``align_to_words`` (True): answers begin and end at word boundaries; of scripts without blanks each
      character counts as a word.
    - ``batch_size`` (128): the number of questions to take from a generator at a time.
    - ``padding``, ``num_workers``, ``framework``, ``use_fast``: accepted, without effect on the answers.

    Args:
        model: the model that answers.
        options: defaults, as above.

    Raises:
        ValueError: for an empty question or context, ``top_k``, ``max_answer_len`` or ``batch_size`` below 1, or lists
            of different lengths.
        TypeError: for an option that it does not know.
        KeyError: for a dict without ``question`` or ``context``.
    """

    task = TASK

    def __init__(self, model: AnsweringModel, **options: object) -> None:
        self.model = model
        self._defaults = checked_options(options)
        self._changed: dict[tuple[int, ...], AnsweringModel] = {}
        self._changing = Lock()

    def __call__(self, *arguments: object, **keywords: object) -> Any:
        """Return the answers; see the class. Their form depends on the call, as in transformers."""
        given: dict[str, object] = {
            name: keywords.pop(name) for name in ("question", "context", "data", "X") if name in keywords
        }
        options: CallOptions = {**self._defaults, **checked_options(keywords)}
        asked = questions_of(arguments, given)
        if not isinstance(asked, list):
            return self._lazily(iter(asked), options)
        found = self._answers(asked, options)
        return found[0] if len(found) == 1 else found

    predict = transform = __call__

    def __reduce__(self) -> tuple[object, ...]:
        return partial(QuestionAnsweringPipeline, self.model, **self._defaults), ()

    @staticmethod
    def create_sample(question: str | Iterable[str], context: str | Iterable[str]) -> Question | list[Question]:
        """A question with its context, to call the pipeline with; of lists a list of them."""
        asked = [question_of(item) for item in questions_of((), {"question": question, "context": context})]
        return asked[0] if isinstance(question, str) and isinstance(context, str) else asked

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model."""
        return self.model.tokenizer

    @property
    def device(self) -> object:
        """The ``torch.device`` that computes the answers."""
        name = self.model.described.get("device", "cpu")
        return import_module("torch").device(name if name in ("cpu", "mps") else "cuda:0")

    def _lazily(self, asked: Iterator[object], options: CallOptions) -> Iterator[Answers]:
        size = options.get("batch_size", LAZY)
        while few := [question_of(item) for item in islice(asked, size)]:
            yield from self._answers(few, options)

    def _answers(self, asked: Sequence[Question], options: CallOptions) -> list[Answers]:
        if not asked:
            return []
        top_k = options.get("top_k", 1)
        questions, contexts = [item["question"] for item in asked], [item["context"] for item in asked]
        with in_its_names():
            replies = self._model(options).answers(questions, contexts, top_k=top_k + _MORE)
        return [_form(reply, top_k, options) for reply in replies]

    def _model(self, options: CallOptions) -> AnsweringModel:
        """The model with the windows and the cap that a call asks for."""
        own = self.model.parts.featurizer
        max_seq_len = options.get("max_seq_len", own.option("max_length", 384))
        doc_stride = options.get("doc_stride", min(max_seq_len // 2, own.option("doc_stride", 128)))
        if doc_stride > max_seq_len:
            raise ValueError(f"doc_stride ({doc_stride}) is larger than max_seq_len ({max_seq_len})")
        longest, question = options.get("max_answer_len", 15), options.get("max_question_len", 64)
        top_k = options.get("top_k", 1) + _MORE
        key = (max_seq_len, doc_stride, longest, question, top_k)
        with self._changing:
            if key not in self._changed:
                while len(self._changed) >= KEPT:
                    self._changed.pop(next(iter(self._changed)))
                windows = {"max_length": max_seq_len, "doc_stride": doc_stride, "max_question_length": question}
                model = self.model.changed(featurizer=windows, decoder={"max_answer_length": longest})
                self._changed[key] = model.keeping(top_k)
            return self._changed[key]


class _Registered(QuestionAnsweringPipeline):
    """What the registry of transformers builds: from a loaded model and tokenizer."""

    def __init__(self, model: object, tokenizer: object = None, device: object = None, **options: object) -> None:
        # Before the model is written and read back.
        asked = checked_options({name: value for name, value in options.items() if name not in _OF_TRANSFORMERS})
        loaded = loaded_model(model, tokenizer, device_name(device), getattr(model, "dtype", None))
        super().__init__(loaded, **asked)


_OF_TRANSFORMERS = {
    *("task", "dtype", "torch_dtype", "local_files_only", "args_parser", "binary_output", "modelcard"),
    *("feature_extractor", "image_processor", "video_processor", "processor"),
}
"""What transformers gives each of its pipelines, and this one has no use for."""


def _form(reply: Reply, top_k: int, options: CallOptions) -> Answers:
    """The answers in the form of transformers, best first."""
    spans = reply.candidates
    if options.get("align_to_words", True):
        spans = _aligned(reply.context, spans)
    answers: list[Found] = [{"score": s.probability, "start": s.start, "end": s.end, "answer": s.text} for s in spans]
    if options.get("handle_impossible_answer", False):
        none: Found = {"score": reply.no_answer_probability, "start": 0, "end": 0, "answer": ""}
        answers = sorted([*answers, none], key=lambda answer: -answer["score"])
        if not reply.is_answered:  # by the model's own null threshold
            answers = [none, *(answer for answer in answers if answer is not none)]
        elif answers[0] is none:
            answers = [answers[1], none, *answers[2:]]
    answers = answers[:top_k] or [{"score": 0.0, "start": 0, "end": 0, "answer": ""}]
    return answers[0] if len(answers) == 1 else answers


def _aligned(context: str, spans: Sequence[Candidate]) -> list[Candidate]:
    """The spans, each stretched to whole words; of equal ones the best alone."""
    found: dict[tuple[int, int], Candidate] = {}
    for span in spans:
        start, end = in_whole_words(context, span.start, span.end)
        found.setdefault((start, end), replace(span, start=start, end=end, text=context[start:end]))
    return list(found.values())
