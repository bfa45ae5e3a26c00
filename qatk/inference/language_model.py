"""Answers of a language model behind an OpenAI-compatible interface, written so that a kill loses none."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from qatk.errors import QatkError, QatkWarning, UsageError, counted
from qatk.files import append_json_line, mend_lines, read_json_lines, storage_errors, write_atomically
from qatk.inference.parts import check_out, leave_parts, open_parts, parts_of, remove_parts
from qatk.progress import advance, notice
from qatk.run_folder.lock import locked
from qatk.types import Examples

if TYPE_CHECKING:
    from openai import OpenAI, OpenAIError

PROMPT = """Answer the question with words copied exactly from the context, as few as possible and no sentence
around them. If the context does not answer the question, say only: unanswerable

Context: {context}

Question: {question}

Answer:"""
"""The prompt that is sent if no other is given; it holds ``{context}`` and ``{question}``."""
_FIELD = re.compile(r"\{(context|question)\}")
_MILLION = 1_000_000
REFUSED = "refused"
"""The column of rows without an answer that says why the server refused the question."""
_REFUSALS = (400, 413, 422)
"""Statuses of a question that no repetition gets an answer to: a bad or too large request, an unprocessable one."""
_MOST_REFUSED = 10
"""So many questions that are refused before any is answered are a request that the server does not understand."""


@dataclass(frozen=True)
class LanguageModel:
    """A language model that a server answers for.

    Attributes:
        url: the server's address, up to and with ``/v1``.
        name: of the model, as the server knows it.
        key: that the server asks for; in no file, message or representation.
        prompt: with ``{context}`` and ``{question}``.
        request: further fields of each request, such as ``max_tokens``; they replace ``temperature: 0``.
        price_in, price_out: of a million tokens of the prompt and of the answer, in any currency.
        timeout: seconds to wait for one answer.
        retries: how often a request is repeated if the server is busy or does not answer.
    """

    url: str
    name: str
    key: str = field(default="", repr=False)
    prompt: str = PROMPT
    request: Mapping[str, object] = field(default_factory=dict)
    price_in: float | None = None
    price_out: float | None = None
    timeout: float = 60.0
    retries: int = 5

    def __post_init__(self) -> None:
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(f"{self.url!r} is no address", fix="give one such as http://127.0.0.1:8000/v1")
        if absent := [name for name in ("context", "question") if f"{{{name}}}" not in self.prompt]:
            raise UsageError(
                f"the prompt has no {{{absent[0]}}}", fix="write {context} and {question} where they belong"
            )

    def identity(self, examples: Examples) -> dict[str, object]:
        """What decides its answers to these questions."""
        said, request = hashlib.sha256(self.prompt.encode()).hexdigest(), json.dumps(self.request, sort_keys=True)
        return {"model": self.name, "prompt": said, "request": request, "data": examples.digest()}


@dataclass(frozen=True)
class Replies:
    """What :func:`ask_language_model` wrote.

    Attributes:
        path: of the answers.
        questions: how many there are.
        resumed: how many an earlier, killed call had answered.
        refused: how many the server refused, such as texts that are too long for the model.
    """

    path: Path
    questions: int
    resumed: int
    refused: int = 0


def ask_language_model(
    model: LanguageModel, examples: Examples, out: Path, *, parallel: int = 4, resume: bool = False
) -> Replies:
    """Ask a language model all questions, and write a row for each in their order.

    A row has ``id``, ``answer`` (the text as it was said), ``latency`` in seconds (repeated requests included), the
    numbers of tokens if the server tells them, and ``cost`` if prices are given: the form that ``qatk eval --align``
    reads. A question that the server refuses has an empty answer, and ``refused`` says why; a warning tells how many.

    Args:
        model: the language model.
        examples: the questions; gold is not needed.
        out: the file to write, ``.jsonl``.
        parallel: how many requests are under way at a time.
        resume: go on with what a killed call left in the folder ``OUT.parts``, where rows are kept until all are there.

    Raises:
        UsageError: the extra is missing, another ending, a folder, or a killed call left answers, without ``resume``.
        QatkError: the server cannot be reached, refuses, or answers in another form; what it answered before is kept.
        StorageError: the disk refuses.
    """
    check_out(out, [".jsonl"])
    client, parts = _client(model), parts_of(out)
    with locked(parts, any_folder=True):
        open_parts(parts, model.identity(examples), resume=resume, begin=False)
        try:
            done, refused = _answer(client, model, examples, parts / "answers.jsonl", parallel)
        finally:
            leave_parts(parts)
        with storage_errors(out):
            (parts / "answers.jsonl").replace(out)
        remove_parts(parts)
    if refused:
        name, why = next(iter(refused.items()))
        what = f"the server refused {counted(len(refused), 'question')}, first {name!r}: {why}"
        warnings.warn(f"{what}; the file has an empty answer to each", QatkWarning, stacklevel=2)
    return Replies(out, len(examples), done, len(refused))


def _answer(
    client: OpenAI, model: LanguageModel, examples: Examples, rows: Path, parallel: int
) -> tuple[int, dict[str, str]]:
    """Ask what has no row yet, and put all rows in order; how many had one, and what was refused and why."""
    mend_lines(rows)
    known = [row for _, row in read_json_lines(rows) if isinstance(row, dict)] if rows.exists() else []
    said = [str(row["id"]) for row in known]
    refused = {str(row["id"]): str(row[REFUSED]) for row in known if REFUSED in row}
    held = set(said)
    left = [row for row, name in enumerate(examples.id) if name not in held]
    for row in _understood(_rows(client, model, examples, left, parallel), model, begun=bool(held)):
        if not said:
            open_parts(rows.parent, model.identity(examples), resume=True)
        append_json_line(rows, row)
        said.append(str(row["id"]))
        refused |= {said[-1]: str(row[REFUSED])} if REFUSED in row else {}
        advance("answering", len(said), len(examples))
    with storage_errors(rows):
        rows.touch()
        if said != list(examples.id):  # where a question failed, those behind it were answered first
            lines = dict(zip(said, rows.read_text("utf-8").split("\n"), strict=False))
            write_atomically(rows, "".join(f"{lines[name]}\n" for name in examples.id))
    return len(held), refused


def _understood(rows: Iterator[dict[str, object]], model: LanguageModel, *, begun: bool) -> Iterator[dict[str, object]]:
    """The rows; those that are refused before any answer is there wait for it.

    Raises:
        QatkError: too many of them, or all.
    """
    waiting: list[dict[str, object]] = []
    for row in rows:
        waiting.append(row)
        if begun := begun or REFUSED not in row:
            yield from waiting
            waiting.clear()
        elif len(waiting) == _MOST_REFUSED:
            break
    if waiting:
        what = f"the server refused the first {counted(len(waiting), 'question')}: {waiting[0][REFUSED]}"
        raise QatkError(what, where=model.url, fix="check --request, --prompt and --model")


def _rows(
    client: OpenAI, model: LanguageModel, examples: Examples, left: Sequence[int], parallel: int
) -> Iterator[dict[str, object]]:
    """The rows that are left, in order; no more than ``parallel`` requests are under way or waited for.

    Before an error is raised, those that were under way are given.
    """
    rows = iter(left)
    waiting = [_asked(client, model, examples, row) for row in islice(rows, parallel)]
    try:
        while waiting:
            found = waiting[0].result()
            del waiting[0]
            yield found
            waiting += [_asked(client, model, examples, row) for row in islice(rows, 1)]
    except (QatkError, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):
            _tell(f"waiting for {counted(len(waiting), 'request')} under way; Ctrl-C again gives them up")
        try:
            wait(waiting)
        finally:
            client.close()  # of requests that are given up, none is repeated
        yield from (each.result() for each in waiting if each.exception() is None)
        raise


def _asked(client: OpenAI, model: LanguageModel, examples: Examples, row: int) -> Future[dict[str, object]]:
    """The row to come of a question, whose request is under way, in a thread that keeps no process from its end."""
    found: Future[dict[str, object]] = Future()

    def ask() -> None:
        try:
            found.set_result(_row(client, model, examples, row))
        except BaseException as error:  # told by whoever wants the row
            found.set_exception(error)

    Thread(target=ask, daemon=True).start()
    return found


def _tell(text: str) -> None:
    if not notice(text):
        with suppress(OSError):
            sys.stderr.write(f"\n{text}\n")


def _row(client: OpenAI, model: LanguageModel, examples: Examples, row: int) -> dict[str, object]:
    from openai import OpenAIError

    name = examples.id[row]
    values = {"context": examples.context_of(row), "question": examples.question[row]}
    content = _FIELD.sub(lambda found: values[found[1]], model.prompt)
    fields = {name: value for name, value in {"temperature": 0, **model.request}.items() if value is not None}
    began = time.perf_counter()
    try:
        found = client.chat.completions.create(  # type: ignore[call-overload]
            model=model.name, messages=[{"role": "user", "content": content}], **fields
        )
        said = found.choices[0].message.content or ""
    except OpenAIError as error:
        if getattr(error, "status_code", None) in _REFUSALS:
            return {"id": name, "answer": "", REFUSED: _hidden(str(getattr(error, "message", error)), model)}
        raise _explained(error, model, name) from error
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        what = f"the answer to question {name!r} is no chat completion"
        raise QatkError(
            what, where=model.url, fix="check that the address ends in /v1 and names such a server"
        ) from error
    latency = round(time.perf_counter() - began, 4)
    return {"id": name, "answer": said.strip(), "latency": latency, **_spent(model, found.usage)}


def _spent(model: LanguageModel, usage: object) -> dict[str, object]:
    """The tokens of a request and, with prices, its cost."""
    asked, said = (getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens"))
    if not isinstance(asked, int) or not isinstance(said, int):
        return {}
    found: dict[str, object] = {"input_tokens": asked, "output_tokens": said}
    if model.price_in is not None or model.price_out is not None:
        found["cost"] = (asked * (model.price_in or 0.0) + said * (model.price_out or 0.0)) / _MILLION
    return found


def _explained(error: OpenAIError, model: LanguageModel, name: str) -> QatkError:
    """One message for what the client raised, without the key."""
    import openai

    onwards = "what was answered is kept: the same command with --resume goes on"
    said = getattr(error, "message", str(error))
    if isinstance(error, openai.APITimeoutError):
        what, fix = f"no answer to question {name!r} within {model.timeout:g} s", onwards
    elif isinstance(error, openai.APIConnectionError):
        what, fix = f"the server cannot be reached: {error.__cause__ or said}", f"check --url; {onwards}"
    elif isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        what, fix = f"the server refuses the key: {said}", "put it into the environment variable that --key-env names"
    elif isinstance(error, openai.NotFoundError):
        what, fix = f"the server does not know the model {model.name!r}: {said}", "check --model and --url"
    else:
        what, fix = f"question {name!r} was refused: {said}", onwards
    return QatkError(_hidden(what, model), where=model.url, fix=fix)


def _hidden(text: str, model: LanguageModel) -> str:
    """Without the key, which a server may repeat."""
    return text.replace(model.key, "***") if model.key else text


def _client(model: LanguageModel) -> OpenAI:
    try:
        from openai import OpenAI
    except ImportError:
        raise UsageError("asking a language model needs openai", fix='pip install "qatk[llm]"') from None
    return OpenAI(base_url=model.url, api_key=model.key or "none", timeout=model.timeout, max_retries=model.retries)
