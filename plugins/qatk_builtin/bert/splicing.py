"""Tokens for windows: each distinct string once where that is exact, pair by pair where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from qatk.api import BackboneSpec, Examples, advance
from qatk.types import Int64
from qatk_builtin.bert.template import PairEncoder
from qatk_builtin.bert.tokens import TokenRows, batches, encode_texts, join_rows
from qatk_builtin.bert.windows import Source

PROBES = (
    ("Who wrote it?", "Ada Lovelace wrote it in 1843."),
    (" led by a blank ", "  two  blanks,\tone tab\nand a line \n\n end  "),
    ("naïve café?", "Re\u0301sume\u0301, ﬁne ½ Å ß İstanbul \u200b\ufeff\x00\x07 done"),
    ("何を?", "東京都は日本の首都である。 한국어 ไทย"),
    ("מי?", "שָׁלוֹם עולם — العَرَبِيَّة ٣"),
    ("😀?", "👩\u200d👩\u200d👧 🇩🇪 e\U0001f600f \U0001d518"),
    ("[SEP] <s> </s>", "[CLS] [MASK] <mask> <unk> [UNK] <s>x</s>"),
    ("", "no question"),
    ("no context", ""),
)
"""Questions and contexts on which splicing must equal the tokenizer's own pair encoding, beside some of the data."""


def read_source(examples: Examples, tokenizer: Any, spec: BackboneSpec, max_question_length: int) -> Source:
    """Tokenize questions and contexts.

    Each distinct context and question is tokenized once, if for this tokenizer that gives just what its pair
    encoding gives; else every pair is encoded as such, with a warning.
    """
    pairs = PairEncoder(tokenizer, spec)
    questions = [question.lstrip() for question in examples.question]
    if spliced := _splicing_is_exact(tokenizer, pairs, [*PROBES, *_sample(examples, questions)]):
        row_of = {question: row for row, question in enumerate(dict.fromkeys(questions))}
        question_rows = encode_texts(tokenizer, list(row_of), "tokenizing questions", spans=False)
        context_rows = encode_texts(tokenizer, examples.context, "tokenizing contexts", spans=True)
        question_row = np.fromiter((row_of[question] for question in questions), np.int64, len(questions))
        context_row = examples.context_index.astype(np.int64)
    else:
        warnings.warn(
            f"the tokenizer of {spec.name} encodes a pair otherwise than its two texts alone: "
            "every pair is tokenized by itself, which is slower",
            stacklevel=2,
        )
        question_rows, context_rows = _encode_pairs(pairs, questions, examples)
        question_row = context_row = np.arange(len(examples))
    question_size: Int64 = np.minimum(question_rows.lengths[question_row], max_question_length)
    return Source(context_rows, question_rows, context_row, question_row, question_size, pairs.template, spliced)


def _splicing_is_exact(tokenizer: Any, pairs: PairEncoder, probes: Sequence[tuple[str, str]]) -> bool:
    questions, contexts = (list(column) for column in zip(*probes, strict=True))
    expected = pairs.encode(questions, contexts)
    question_rows = encode_texts(tokenizer, questions, "checking the tokenizer", spans=True)
    context_rows = encode_texts(tokenizer, contexts, "checking the tokenizer", spans=True)
    return _same(question_rows, expected[0]) and _same(context_rows, expected[1])


def _same(one: TokenRows, other: TokenRows) -> bool:
    columns = ("offsets", "ids", "char_start", "char_end")
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns)


def _sample(examples: Examples, questions: Sequence[str], size: int = 8) -> list[tuple[str, str]]:
    """Some pairs of the data, evenly spread, cut to a length that costs nothing."""
    rows = range(0, len(examples), max(1, len(examples) // size))
    return [(questions[row][:500], examples.context_of(row)[:2000]) for row in rows]


def _encode_pairs(pairs: PairEncoder, questions: Sequence[str], examples: Examples) -> tuple[TokenRows, TokenRows]:
    contexts = [examples.context_of(row) for row in range(len(examples))]
    parts = []
    for rows in batches(np.fromiter(map(len, contexts), np.int64, len(contexts))):
        parts.append(pairs.encode(questions[rows], contexts[rows]))
        advance("tokenizing pairs", rows.stop, len(examples))
    return join_rows([part[0] for part in parts]), join_rows([part[1] for part in parts])
