"""``qatk.pipeline``: the contract of the pipeline that transformers had."""

from __future__ import annotations

import copy
import pickle
import tempfile
import tracemalloc
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
import transformers
from datasets import Dataset
from safetensors import SafetensorError
from transformers import AutoModel, AutoModelForQuestionAnswering, AutoTokenizer

import qatk
from model_tools import FORMS, save_model
from pipeline_reference import Reference
from qatk.errors import ModelError, StorageError, UsageError
from qatk.inference.pipeline import _aligned
from qatk.inference.reply import Candidate
from qatk.plugins.host import PluginHost
from small import squad

SIZES = {"max_seq_len": 40, "doc_stride": 8, "max_answer_len": 7}
CONTEXT = "The mill of Delft is old. It was built in 1843 by the guild."
QUESTION = "When was the mill of Delft built?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("checkpoint"), answers=True, initializer_range=0.5)


@pytest.fixture(scope="module")
def ask(folder: Path) -> Any:
    return qatk.pipeline("question-answering", model=str(folder), device=-1, **SIZES)


def asked() -> list[tuple[str, str]]:
    """Questions with short contexts of one window and long ones of several."""
    questions = [(qa["question"], p["context"]) for p in squad(12, 5)["data"][0]["paragraphs"] for qa in p["qas"]]
    long = [(questions[k][0], " ".join(text for _, text in questions[k : k + 4])) for k in range(8)]
    short = [(question, word) for question, _ in questions[:4] for word in ("mill", "1843", "Delft")]
    return [*questions, *long, *short]  # of a word alone, "no answer" is easily better


@pytest.mark.parametrize("impossible", [False, True])
def test_answers_are_those_of_the_contract(impossible: bool, tmp_path: Path) -> None:
    pairs, said = asked(), set()
    for form in FORMS:
        where = save_model(tmp_path / form, form, answers=True, initializer_range=0.5)
        pipe = qatk.pipeline(model=where, device="cpu", align_to_words=False, **SIZES)
        ours = pipe(
            question=[question for question, _ in pairs],
            context=[context for _, context in pairs],
            handle_impossible_answer=impossible,
        )
        reference = Reference(where)
        theirs = [reference.answer(*pair, **SIZES, impossible=impossible) for pair in pairs]
        assert [(found["start"], found["end"], found["answer"]) for found in ours] == theirs
        said.update(answer for _, _, answer in theirs)
    assert len(said) > 20
    assert ("" in said) == impossible


def test_one_question_gets_a_dict_and_several_get_a_list(ask: Any) -> None:
    one = ask(question=QUESTION, context=CONTEXT)
    assert list(one) == ["score", "start", "end", "answer"]
    assert CONTEXT[one["start"] : one["end"]] == one["answer"]
    assert 0 < one["score"] <= 1
    pair = {"question": QUESTION, "context": CONTEXT}
    for call in (
        ask(pair),
        ask([pair]),
        ask(QUESTION, CONTEXT),
        ask(data=pair),
        ask(question=[QUESTION], context=CONTEXT),
    ):
        assert call == one
    other = {"question": "Of what?", "context": CONTEXT}
    both = [one, ask(other)]
    for call in (
        ask([pair, other]),
        ask(pair, other),
        ask(question=[QUESTION, "Of what?"], context=[CONTEXT, CONTEXT]),
        ask({"question": [QUESTION, "Of what?"], "context": CONTEXT}),
    ):
        assert [found["answer"] for found in call] == [found["answer"] for found in both]


QUESTIONS, CONTEXTS = [QUESTION, "Of what?"], [CONTEXT, f"1843. {CONTEXT}"]
COLUMNS = {"question": QUESTIONS, "context": CONTEXTS}


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_frames_and_their_columns_go_in(kind: str, ask: Any) -> None:
    frame: Any = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "arrow": pa.table}[kind](COLUMNS | {"id": [7, 8]})
    due = ask(**COLUMNS)
    assert ask(frame) == ask(data=frame) == ask(question=frame["question"], context=frame["context"]) == due
    with pytest.raises(KeyError, match="a question and its context are needed: context is missing"):
        ask(frame[["question"]] if kind != "arrow" else frame.select(["question"]))


@pytest.mark.parametrize("made", [tuple, np.array, lambda texts: Dataset.from_dict({"text": texts})["text"]])
def test_whatever_has_numbered_values_is_a_list(made: Any, ask: Any) -> None:
    due = ask(**COLUMNS)
    assert ask(question=made(QUESTIONS), context=made(CONTEXTS)) == due
    assert ask(question=QUESTION, context=made(CONTEXTS)) == ask(question=[QUESTION] * 2, context=CONTEXTS)
    assert ask(question=made(QUESTIONS), context=CONTEXT) == ask(question=QUESTIONS, context=[CONTEXT] * 2)
    assert ask(question=made(QUESTIONS[:1]), context=CONTEXT) == due[0]


def test_samples_of_transformers_go_in(ask: Any) -> None:
    one, sample = ask(question=QUESTION, context=CONTEXT), ask.create_sample(QUESTION, CONTEXT)
    old = SimpleNamespace(qas_id="1", question_text=QUESTION, context_text=CONTEXT)  # SquadExample of transformers
    row = pd.DataFrame({"question": [QUESTION], "context": [CONTEXT]}).iloc[0]
    for item in (sample, old, row, SimpleNamespace(question=QUESTION, context=CONTEXT)):
        assert ask(item) == ask([item]) == ask(data=item) == next(ask(iter([item]))) == one
    assert ask(ask.create_sample(QUESTIONS, CONTEXTS)) == ask(**COLUMNS)
    with pytest.raises(ValueError, match="`question` cannot be empty"):
        ask.create_sample("", CONTEXT)


def test_top_k_gives_the_best_first(ask: Any) -> None:
    found = ask(question=QUESTION, context=CONTEXT, top_k=4)
    assert len(found) == 4
    assert [answer["score"] for answer in found] == sorted((answer["score"] for answer in found), reverse=True)
    assert len({(answer["start"], answer["end"]) for answer in found}) == 4
    with pytest.warns(UserWarning, match="topk is deprecated"):
        assert ask(question=QUESTION, context=CONTEXT, topk=4) == found


def test_a_score_is_the_same_whatever_is_asked_for_beside_it(ask: Any, folder: Path) -> None:
    few, many = (ask(question=QUESTION, context=CONTEXT, top_k=top_k) for top_k in (3, 60))
    assert len(many) > 20
    assert [answer["score"] for answer in few] == pytest.approx([answer["score"] for answer in many[:3]], rel=1e-5)
    windows = {"max_length": SIZES["max_seq_len"], "doc_stride": SIZES["doc_stride"]}
    sections = {"featurizer": windows, "decoder": {"max_answer_length": SIZES["max_answer_len"]}}
    reply = qatk.load_model(folder, settings={**sections, "trainer": {"precision": "fp32"}}).answer(QUESTION, CONTEXT)
    unaligned = ask(question=QUESTION, context=CONTEXT, align_to_words=False)
    assert unaligned["score"] == pytest.approx(reply.candidates[0].probability, rel=1e-5)


def test_no_answer_is_among_the_answers_where_it_may_be(ask: Any) -> None:
    with_none = ask(question=QUESTION, context=CONTEXT, top_k=1000, handle_impossible_answer=True)
    none = [answer for answer in with_none if not answer["answer"]]
    assert [(answer["start"], answer["end"]) for answer in none] == [(0, 0)]
    without = ask(question=QUESTION, context=CONTEXT, top_k=999)
    assert [answer for answer in with_none if answer["answer"]][:5] == without[:5]


def test_answers_are_aligned_to_words(ask: Any) -> None:
    context = "Unbelievable towers, 1843."
    words = {"Unbelievable", "towers", ",", "1843", "."}
    for found in ask(question=QUESTION, context=context, top_k=20):
        assert context[found["start"] : found["end"]] == found["answer"]
        first, last = found["answer"].split()[0], found["answer"].split()[-1]
        assert any(first.startswith(word) for word in words), found
        assert any(last.endswith(word) for word in words), found


@pytest.mark.parametrize(
    ("context", "span", "answer"),
    [
        ("中国的首都是北京。", "北京", "北京"),
        ("東京都は日本の首都である", "東京都", "東京都"),
        ("2024年に開館した", "24", "2024"),
        ("กรุงเทพเป็นเมืองหลวง", "กรุ", "กรุ"),
        ("राजधानी दिल्ली है।", "दि", "दिल्ली"),
        ("in the 1990s", "1990", "1990s"),
        ("Unbelievable towers, 1843.", "able tow", "Unbelievable towers"),
        (f"{'x ' * 500_000}Unbelievable", "believ", "Unbelievable"),
    ],
    ids=range(8),
)
def test_a_span_grows_at_its_edges_alone(context: str, span: str, answer: str) -> None:
    start = context.index(span)
    tracemalloc.start()
    (found,) = _aligned(context, [Candidate(span, start, start + len(span), 1.0, 0.5)])
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert (found.text, context[found.start : found.end]) == (answer, answer)


def test_generators_are_read_as_their_answers_are_asked_for(ask: Any) -> None:
    taken = []

    def questions() -> Any:
        for number in range(1000):
            taken.append(number)
            yield {"question": QUESTION, "context": f"{number}. {CONTEXT}"}

    answers = ask(questions(), batch_size=4)
    assert taken == []
    first = next(answers)
    assert len(taken) == 4
    assert first == ask(question=QUESTION, context=f"0. {CONTEXT}")


def test_data_sets_of_datasets_go_in(ask: Any) -> None:
    rows = Dataset.from_list([{"question": QUESTION, "context": CONTEXT}] * 3)
    due = [ask(question=QUESTION, context=CONTEXT)] * 3

    class Numbered(torch.utils.data.Dataset[Any]):
        """A data set of torch: it has a length and numbered rows, and never raises IndexError."""

        def __len__(self) -> int:
            return 3

        def __getitem__(self, number: int) -> Any:
            return rows[number % 3]

    assert list(ask(rows, batch_size=1)) == list(ask(Numbered(), batch_size=1)) == due


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"question": "", "context": CONTEXT}, ValueError, "`question` cannot be empty"),
        ({"question": QUESTION, "context": ""}, ValueError, "`context` cannot be empty"),
        ({"question": None, "context": CONTEXT}, ValueError, "`question` cannot be None"),
        ({"question": ["a", "b"], "context": ["c"]}, ValueError, "2 questions, but 1 context"),
        ({"question": QUESTION}, ValueError, "a question and a context are needed"),
        ({"question": QUESTION, "context": CONTEXT, "top_k": 0}, ValueError, "top_k should be 1 or more"),
        ({"question": QUESTION, "context": CONTEXT, "max_answer_len": 0}, ValueError, "max_answer_len should be"),
        ({"question": QUESTION, "context": CONTEXT, "doc_stride": 50}, ValueError, "doc_stride .50. is larger than"),
        (
            {"question": QUESTION, "context": CONTEXT, "max_seq_len": 0, "doc_stride": 0},
            UsageError,
            "max_seq_len: should be",
        ),
        (
            {"question": QUESTION, "context": CONTEXT, "max_seq_len": 1000},
            UsageError,
            "(?s)max_seq_len 1000 .* set max_seq",
        ),
        ({"question": QUESTION, "context": CONTEXT, "max_question_len": 0}, UsageError, "max_question_len: should be"),
        (
            {"question": QUESTION, "context": CONTEXT, "max_seq_len": 9},
            UsageError,
            "(?s)of max_seq_len 9 .* max_question_len",
        ),
        ({"question": QUESTION, "context": CONTEXT, "doc_stride": -1}, UsageError, "doc_stride: should be 0 or more"),
        ({"data": iter([]), "batch_size": 0}, ValueError, "batch_size should be 1 or more"),
        ({"question": QUESTION, "context": CONTEXT, "framework": "tf"}, ValueError, "framework 'tf' is not there"),
        ({"question": QUESTION, "context": CONTEXT, "tokens": 3}, TypeError, "unknown option 'tokens'"),
        ({"data": {"question": QUESTION}}, KeyError, "context is missing"),
        ({"data": 7}, ValueError, "int is neither a question"),
        ({"question": {"a"}, "context": CONTEXT}, ValueError, "question should be a text or a list of texts, not set"),
        ({"question": QUESTION, "context": 3.5}, ValueError, "context should be a text or a list of texts, not float"),
        ({"question": QUESTION, "context": [CONTEXT, 3.5]}, ValueError, "`context` should be a text, not float"),
    ],
)
def test_the_same_misuse_raises_the_same_exceptions(ask: Any, given: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        ask(**given)


def test_another_task_is_unknown() -> None:
    with pytest.raises(KeyError, match="summarization"):
        qatk.pipeline("summarization")


def test_what_old_programs_say_of_a_model_is_taken(ask: Any, folder: Path, run: Path) -> None:
    with pytest.warns(UserWarning, match="torch_dtype is deprecated"):
        old = qatk.pipeline(
            "question-answering", str(folder), torch_dtype=torch.float32, framework="pt", use_fast=True, **SIZES
        )
    assert old(question=QUESTION, context=CONTEXT, num_workers=2) == ask(question=QUESTION, context=CONTEXT)
    with pytest.raises(ModelError, match="there is no folder"):
        qatk.pipeline(model=run, tokenizer="./nowhere")  # also of a run, whose own it replaces
    with pytest.warns(UserWarning, match="device cuda:1: the first GPU"), suppress(UsageError):
        qatk.pipeline(model=folder, device=torch.device("cuda:1"))  # which this machine may lack
    with pytest.raises(TypeError, match="unknown option 'device_map'"):
        qatk.pipeline(model="nobody/nothing", device_map="auto")  # before anything is fetched


def test_the_precision_of_a_run_is_its_own_unless_another_is_asked_for(run: Path) -> None:
    own = qatk.load_model(run, device="cpu").described["precision"]
    for dtype, precision in ((None, own), ("bfloat16", "bf16"), (torch.float16, "fp16"), ("float32", "fp32")):
        assert qatk.pipeline(model=run, device="cpu", dtype=dtype).model.described["precision"] == precision
    with pytest.raises(UsageError, match="precision: should be"):
        qatk.pipeline(model=run, dtype="nonsense")
    assert qatk.pipeline(model=qatk.load_run(run), device="cpu").model.described["precision"] == own
    loaded = qatk.load_model(run, device="cpu")
    assert qatk.pipeline(model=loaded).model is loaded
    with pytest.raises(UsageError, match="device, dtype: a loaded model keeps what it was loaded with"):
        qatk.pipeline(model=loaded, device=-1, dtype="bfloat16")


def test_a_model_that_a_program_holds_is_taken(ask: Any, folder: Path) -> None:
    model = AutoModelForQuestionAnswering.from_pretrained(folder)
    held = qatk.pipeline(model=model, tokenizer=AutoTokenizer.from_pretrained(folder), device="cpu", **SIZES)
    assert held(question=QUESTION, context=CONTEXT) == ask(question=QUESTION, context=CONTEXT)
    with pytest.raises(ValueError, match="needs its tokenizer"):
        qatk.pipeline(model=model)


def test_a_model_that_a_program_holds_keeps_its_name_and_no_disk(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model: Any = AutoModelForQuestionAnswering.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    held = qatk.pipeline(model=model, tokenizer=tokenizer, device="cpu", **SIZES)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match=f"max_seq_len 1000 is more than the 64 tokens {folder} takes"):
        held(question=QUESTION, context=CONTEXT, max_seq_len=1000)
    bare = AutoModel.from_pretrained(folder)
    with pytest.raises(ModelError, match=f"^{folder} has no weights of a question-answering head"):
        qatk.pipeline(model=bare, tokenizer=tokenizer, device="cpu")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (SafetensorError("I/O error: No space left on device"), "No space left on device"),
        (None, "No such file or directory"),
    ],
    ids=["of the system", "of safetensors", "no folder"],
)
def test_a_model_that_cannot_be_written_is_told(
    error: Exception | None, words: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = AutoModelForQuestionAnswering.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    if error is None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    else:
        monkeypatch.setattr(model, "save_pretrained", Mock(side_effect=error))
    with pytest.raises(StorageError, match=rf"(?s)^{folder} .* cannot be written: .*{words}.*\n  set TMPDIR"):
        qatk.pipeline(model=model, tokenizer=tokenizer)


def test_a_pipeline_is_pickled_by_what_it_was_loaded_from(ask: Any, run: Path, tmp_path: Path) -> None:
    qatk.export(run, "onnx", tmp_path / "onnx")
    plugin = tmp_path / "shout.py"
    plugin.write_text("def qatk_normalisers():\n    return []\n")
    loaded = qatk.load_model(run, host=PluginHost.discover(files=[str(plugin)]))
    own = loaded.changed(decoder={"null_threshold": 9.0}, featurizer={"max_length": 40, "doc_stride": 9})
    for pipe in (ask, qatk.pipeline(model=own.keeping(50), top_k=3), qatk.pipeline(model=tmp_path / "onnx")):
        again = pickle.loads(pickle.dumps(pipe))
        assert again(**COLUMNS, handle_impossible_answer=True) == pipe(**COLUMNS, handle_impossible_answer=True)
        assert vars(again.model).keys() == vars(pipe.model).keys()
        for name in ("name", "sections", "fitted", "promise", "trained", "run", "among", "threshold", "weights"):
            assert getattr(again.model, name) == getattr(pipe.model, name), name
        assert again.model.host.files == pipe.model.host.files
        for twin in (copy.copy(pipe), copy.deepcopy(pipe)):
            assert twin.model is pipe.model
            assert twin(**COLUMNS) == pipe(**COLUMNS)


def test_a_model_that_a_program_holds_cannot_be_pickled(folder: Path) -> None:
    qatk.install_pipeline()
    pipe = transformers.pipeline("question-answering", model=str(folder), device=-1, **SIZES)
    for lost in (partial(pickle.dumps, pipe), pipe.model.twin):
        with pytest.raises(
            UsageError, match=rf"^{folder} is an object of this program, .*\n  write it and its tokeniz"
        ):
            lost()
    assert copy.deepcopy(pipe)(**COLUMNS) == pipe(**COLUMNS)
    assert pipe.model.weights == str(folder)  # whose files may hold others


def test_transformers_knows_the_task_again(ask: Any, folder: Path) -> None:
    qatk.install_pipeline()
    pipe = transformers.pipeline("question-answering", model=str(folder), device=-1)
    assert pipe(question=QUESTION, context=CONTEXT, **SIZES) == ask(question=QUESTION, context=CONTEXT)
    assert pipe.device == ask.device == torch.device("cpu")
    assert pipe.tokenizer("mill")["input_ids"] == ask.tokenizer("mill")["input_ids"]
    asked = {"max_answer_len": 1, "num_workers": 2, "torch_dtype": torch.float32, "local_files_only": True}
    short = transformers.pipeline("question-answering", model=str(folder), device=-1, **asked)
    assert len(short(question=QUESTION, context=CONTEXT)["answer"].split()) == 1
    with pytest.raises(TypeError, match="unknown option 'max_answer_length'"):
        transformers.pipeline("question-answering", model=str(folder), max_answer_length=1)
