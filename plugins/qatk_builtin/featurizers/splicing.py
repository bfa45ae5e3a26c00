"""Tokens for windows: each distinct string once where that is exact, pair by pair where it is not."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from qatk.api import BackboneSpec, Examples, Tokenizer, advance
from qatk.types import Int64, release
from qatk_builtin.featurizers.pair_template import PairEncoder, PairTemplate
from qatk_builtin.featurizers.tokens import BATCH_CHARS, TokenRows, batches, encode_texts, join_rows
from qatk_builtin.featurizers.windows import Source
from qatk_builtin.featurizers.words import divides_at_blanks, encode_words

Encoder = Callable[..., TokenRows]
PART_CHARS = 1 << 22
"""Characters of context, counted for each question, whose windows are made together."""
_LONGEST = 2000
"""Characters of a context that a check looks at; a question alone about one as long is encoded as its pair at once."""

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


class Reader:
    """Reads the tokens of examples, some examples at a time.

    Each distinct context is tokenized once, at first, and each distinct question of those read together; by way of
    their distinct words where that gives just what the tokenizer's pair encoding gives, else whole. Where that differs
    too, every pair is encoded as such, with a warning; so is a question alone, which has no use for the check.

    Attributes:
        template: how the tokenizer joins a question and a context.
        spliced: whether each distinct text is tokenized once.
    """

    def __init__(self, examples: Examples, tokenizer: Tokenizer, spec: BackboneSpec, max_question_length: int) -> None:
        self._examples, self._tokenizer, self._longest = examples, tokenizer, max_question_length
        self._pairs = PairEncoder(tokenizer, spec)
        self.template = self._pairs.template
        alone = len(examples) == 1 and max(map(len, examples.context)) <= _LONGEST
        self._encode = None if alone else _exact_encoder(tokenizer, self._pairs, _sample(examples))
        self.spliced = alone or self._encode is not None
        if self._encode is not None:
            self._contexts = self._encode(tokenizer, examples.context, "tokenizing contexts", spans=True)
        elif not self.spliced:
            warnings.warn(
                f"the tokenizer of {spec.name} encodes a pair otherwise than its two texts alone: "
                "every pair is tokenized by itself, which is slower",
                stacklevel=2,
            )

    def parts(self) -> Iterator[tuple[slice, Source]]:
        """Consecutive examples with their source, few enough at a time for their windows to fit into memory."""
        examples = self._examples
        lengths = np.fromiter(map(len, examples.context), np.int64, len(examples.context))
        for rows in batches(lengths[examples.context_index], PART_CHARS):
            yield rows, self._read(rows)
            examples.release()
            if self._encode is not None:
                release(self._contexts.ids, self._contexts.char_start, self._contexts.char_end)

    def _read(self, rows: slice) -> Source:
        questions = [question.lstrip() for question in self._examples.question[rows]]
        if self._encode is None:
            contexts = [self._examples.context_of(row) for row in range(rows.start, rows.stop)]
            question_rows, context_rows = _encode_pairs(self._pairs, questions, contexts)
            question_row = context_row = np.arange(len(questions))
        else:
            # Equal questions are tokenized once.
            row_of = {question: row for row, question in enumerate(dict.fromkeys(questions))}
            question_rows = self._encode(self._tokenizer, list(row_of), "tokenizing questions", spans=False)
            question_row = np.fromiter(map(row_of.__getitem__, questions), np.int64, len(questions))
            used, context_row = np.unique(self._examples.context_index[rows], return_inverse=True)
            context_rows = self._contexts.take(used.astype(np.int64))
        question_size: Int64 = np.minimum(question_rows.lengths[question_row], self._longest)
        return Source(context_rows, question_rows, context_row, question_row, question_size, self.template)


_PROBED: WeakKeyDictionary[Tokenizer, dict[PairTemplate, Sequence[Encoder]]] = WeakKeyDictionary()
"""Of each tokenizer and way to join a pair, what stood the test of the probes, the fastest first."""


def _exact_encoder(tokenizer: Tokenizer, pairs: PairEncoder, sample: Sequence[tuple[str, str]]) -> Encoder | None:
    """The fastest way to tokenize texts alone that gives the tokens they have in pairs; ``None`` where none does."""
    probed = _PROBED.setdefault(tokenizer, {})
    if pairs.template not in probed:
        encoders = (encode_words, encode_texts) if divides_at_blanks(tokenizer) else (encode_texts,)
        probed[pairs.template] = list(_exact(encoders, tokenizer, pairs, PROBES))
    return next(_exact(probed[pairs.template], tokenizer, pairs, sample), None)


def _exact(
    encoders: Iterable[Encoder], tokenizer: Tokenizer, pairs: PairEncoder, probes: Sequence[tuple[str, str]]
) -> Iterator[Encoder]:
    columns = [[pair[side] for pair in probes] for side in (0, 1)]
    expected = pairs.encode(*columns)
    for encode in encoders:
        found = (encode(tokenizer, texts, "checking the tokenizer", spans=True) for texts in columns)
        if all(map(_same, found, expected)):
            yield encode


def _same(one: TokenRows, other: TokenRows) -> bool:
    columns = ("offsets", "ids", "char_start", "char_end")
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns)


def _sample(examples: Examples) -> list[tuple[str, str]]:
    """Some pairs of the data, evenly spread, cut to a length that costs nothing."""
    rows = range(0, len(examples), max(1, len(examples) // 8))
    return [(examples.question[row].lstrip()[:500], examples.context_of(row)[:_LONGEST]) for row in rows]


def _encode_pairs(pairs: PairEncoder, questions: Sequence[str], contexts: Sequence[str]) -> tuple[TokenRows, TokenRows]:
    parts = []
    for rows in batches(np.fromiter(map(len, contexts), np.int64, len(contexts)), BATCH_CHARS):
        parts.append(pairs.encode(questions[rows], contexts[rows]))
        advance("tokenizing pairs", rows.stop, len(questions))
    return join_rows(part[0] for part in parts), join_rows(part[1] for part in parts)
