"""Tokens by way of distinct words equal those of whole texts."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken
from transformers import BertTokenizerFast

from qatk_builtin.featurizers import splicing, words
from qatk_builtin.featurizers.tokens import TokenRows, bare, encode_texts
from qatk_builtin.featurizers.words import divides_at_blanks, encode_words
from stride_tools import CORPUS, FORMS, examples_of, featurize, make

COLUMNS = ("offsets", "ids", "char_start", "char_end")
ODD = "\x00\t\n\r\u00a0\u0301\u0323\u200b\u2009\u3000é東한שם😀Ω.[]'"
BERT = [form for form in FORMS if form.startswith("wordpiece")]


@cache
def tokenizer(form: str) -> Any:
    return make(form)[0]


def assert_same(found: TokenRows, expected: TokenRows) -> None:
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column), err_msg=column)


@pytest.mark.parametrize("form", BERT)
@settings(deadline=None, max_examples=150)
@given(
    texts=st.lists(st.text(st.sampled_from("ab c [SEP]" + ODD) | st.characters(codec="utf-8"), max_size=40), max_size=6)
)
def test_words_give_the_tokens_of_the_text(form: str, texts: list[str]) -> None:
    for spans in (True, False):
        found = encode_words(tokenizer(form), texts, "", spans=spans)
        assert_same(found, encode_texts(tokenizer(form), texts, "", spans=spans))


def test_words_are_found_across_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "BATCH_CHARS", 50)
    texts = [" ".join(CORPUS), "", "  ", *CORPUS] * 3
    one = tokenizer(BERT[0])
    assert_same(encode_words(one, texts, "", spans=True), encode_texts(one, texts, "", spans=True))


def test_a_tokenizer_truncates_again_when_the_last_thread_is_done() -> None:
    backend = make.__wrapped__(BERT[0])[0].backend_tokenizer
    backend.enable_truncation(4)
    backend.enable_padding(length=5)
    before, one, other = (backend.truncation, backend.padding), bare(backend), bare(backend)
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    assert (backend.truncation, backend.padding) == (None, None)
    other.__exit__(None, None, None)
    assert (backend.truncation, backend.padding) == before


@pytest.mark.parametrize("form", FORMS)
def test_only_the_bert_form_divides_at_blanks(form: str) -> None:
    assert divides_at_blanks(tokenizer(form)) == (form in BERT)


@pytest.mark.parametrize("token", [AddedToken("<x>", lstrip=True), AddedToken("<x>", rstrip=True), AddedToken("a b")])
def test_an_added_token_that_takes_blanks_forbids_it(token: AddedToken) -> None:
    one, _ = make.__wrapped__(BERT[0])  # not the one that other tests share
    one.add_tokens([token])
    assert not divides_at_blanks(one)


def test_windows_are_the_same_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = examples_of([(f"question {i % 7}?", " ".join(CORPUS[: i % 4 + 1])) for i in range(40)])
    whole = featurize(BERT[0], examples, max_length=48, doc_stride=8)
    monkeypatch.setattr(splicing, "PART_CHARS", 500)
    parts = featurize(BERT[0], examples, max_length=48, doc_stride=8)
    assert parts.counts == whole.counts
    for column in ("example_index", "token_offsets", "input_ids", "type_ids", "char_start", "char_end", "null_index"):
        np.testing.assert_array_equal(getattr(parts, column), getattr(whole, column), err_msg=column)


def test_a_stock_bert_tokenizer_divides_at_blanks() -> None:
    one = BertTokenizerFast(vocab={"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5})
    assert divides_at_blanks(one)
