"""Tokens of many texts as flat columns, each text tokenized once; no Python object outlives its batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from qatk.api import Tokenizer, advance
from qatk.types import Bool, Int32, Int64, Spool, ragged, ragged_rows, release

if TYPE_CHECKING:
    import tokenizers
    from tokenizers import Encoding

T = TypeVar("T")

BATCH_CHARS = 1 << 18
"""Characters tokenized at a time: enough to keep all cores busy, few enough for the memory that Rust takes."""

_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])  # the last entry also stands for all beyond


@dataclass(frozen=True, eq=False)
class TokenRows:
    """Tokens of R texts, ragged; t tokens in all.

    Attributes:
        offsets: int64[R + 1] into the token columns.
        ids: int32[t].
        char_start, char_end: int32[t], the characters of its text that a token covers (end exclusive), without
            blanks at either side; equal for tokens that cover nothing, -1 where spans were not asked for.
    """

    offsets: Int64
    ids: Int32
    char_start: Int32
    char_end: Int32

    @property
    def lengths(self) -> Int64:
        """int64[R]: the number of tokens of each text."""
        return np.diff(self.offsets)

    def take(self, rows: Int64) -> TokenRows:
        """These texts only, in this order."""
        if np.array_equal(rows, np.arange(len(self.offsets) - 1)):
            return self
        positions, offsets = ragged_rows(self.offsets, rows)
        return TokenRows(offsets, self.ids[positions], self.char_start[positions], self.char_end[positions])


def encode_texts(tokenizer: Tokenizer, texts: Sequence[str], what: str, *, spans: bool) -> TokenRows:
    """Tokenize texts without special tokens, untruncated, reporting progress as ``what``.

    Args:
        tokenizer: a fast tokenizer of ``transformers``; its backend is called directly, which skips the
            conversion of every encoding to Python lists of masks and type ids.
        texts: R strings.
        what: the name of the work, for progress.
        spans: whether to read the characters of each token too.
    """
    return join_rows(_parts(tokenizer, texts, what, spans))


def _parts(tokenizer: Tokenizer, texts: Sequence[str], what: str, spans: bool) -> Iterator[TokenRows]:
    ranges = list(batches(np.fromiter(map(len, texts), np.int64, len(texts)), BATCH_CHARS))
    with bare(tokenizer.backend_tokenizer) as backend:
        jobs = [partial(_encode, backend, texts[rows], spans) for rows in ranges]
        for rows, encodings in zip(ranges, _one_ahead(jobs), strict=True):
            yield _rows(texts[rows], encodings, spans)
            release(texts)
            advance(what, rows.stop, len(texts))


def encode_batch(tokenizer: Tokenizer, texts: Sequence[str]) -> TokenRows:
    """As :func:`encode_texts` with spans, all at once and silently."""
    with bare(tokenizer.backend_tokenizer) as backend:
        return _rows(texts, _encode(backend, texts, spans=True), spans=True)


def _encode(backend: tokenizers.Tokenizer, texts: Sequence[str], spans: bool) -> list[Encoding]:
    encode = backend.encode_batch if spans else backend.encode_batch_fast  # the fast one gives no spans
    return encode(texts, add_special_tokens=False)


def _rows(texts: Sequence[str], encodings: Sequence[Encoding], spans: bool) -> TokenRows:
    lengths = [len(encoding) for encoding in encodings]
    ids = chain.from_iterable(encoding.ids for encoding in encodings)
    pairs = chain.from_iterable(encoding.offsets for encoding in encodings) if spans else None
    return token_rows(texts, lengths, ids, pairs)


def _one_ahead(jobs: Sequence[Callable[[], T]]) -> Iterator[T]:
    """The results of the jobs in order, each next one under way while the caller is busy with the last."""
    if len(jobs) < 2:  # a thread costs as much as the tokens of a question
        yield from (job() for job in jobs)
        return
    with ThreadPoolExecutor(1) as pool:
        pending: deque[Future[T]] = deque()
        for job in jobs:
            pending.append(pool.submit(job))
            if len(pending) > 1:
                yield pending.popleft().result()
        for last in pending:
            yield last.result()


def batches(sizes: Int64, characters: int) -> Iterator[slice]:
    """Consecutive rows of about so many characters, at least one row each.

    Args:
        sizes: int64[rows], characters of each row.
        characters: wanted in a batch.
    """
    # Rows fall into a new batch where the running count passes a multiple of its size.
    part = np.cumsum(sizes) // characters
    edges = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(sizes)]
    return (slice(start, stop) for start, stop in pairwise(edges) if start < stop)


def token_rows(
    texts: Sequence[str], lengths: Sequence[int], ids: Iterable[int], spans: Iterable[tuple[int, int]] | None
) -> TokenRows:
    """Columns of tokens that arrive as Python numbers, one text after the other.

    Args:
        texts: R strings.
        lengths: how many tokens each text has.
        ids: the tokens' ids.
        spans: the tokens' characters as the tokenizer gives them, blanks included; ``None`` where not needed.
    """
    offsets = ragged.offsets_of(np.array(lengths, np.int64))
    tokens = int(offsets[-1])
    flat = np.fromiter(ids, np.int32, tokens)
    if spans is None:
        nowhere = np.full(tokens, -1, np.int32)
        return TokenRows(offsets, flat, nowhere, nowhere)
    # fromiter fills an array of known size from an iterator, without a list in between.
    pairs = np.fromiter(chain.from_iterable(spans), np.int32, 2 * tokens).reshape(tokens, 2)
    start, end = pairs[:, 0].copy(), pairs[:, 1].copy()
    _trim_blanks(texts, np.diff(offsets), start, end)
    return TokenRows(offsets, flat, start, end)


def join_rows(parts: Iterable[TokenRows]) -> TokenRows:
    """The rows of all parts, in order; mapped where they are many."""
    lengths = [np.zeros(0, np.int64)]
    ids, char_start, char_end = Spool(np.int32), Spool(np.int32), Spool(np.int32)
    for part in parts:
        lengths.append(part.lengths)
        ids.append(part.ids)
        char_start.append(part.char_start)
        char_end.append(part.char_end)
    offsets = ragged.offsets_of(np.concatenate(lengths))
    return TokenRows(offsets, ids.column(), char_start.column(), char_end.column())


_USED: dict[int, tuple[int, Callable[[], None]]] = {}
"""Of each backend that is bare, by its ``id``: how many users it has, and what ends that."""
_USING = Lock()


@contextmanager
def bare(backend: tokenizers.Tokenizer) -> Iterator[tokenizers.Tokenizer]:
    """The backend without the truncation and padding that a ``tokenizer.json`` may bring.

    Threads may share it: both come back when the last of its users is done.
    """
    key = id(backend)
    with _USING:
        users, restore = _USED.get(key) or (0, _strip(backend))
        _USED[key] = (users + 1, restore)
    try:
        yield backend
    finally:
        with _USING:
            users, restore = _USED.pop(key)
            if users > 1:
                _USED[key] = (users - 1, restore)
            else:
                restore()


def _strip(backend: tokenizers.Tokenizer) -> Callable[[], None]:
    """Take truncation and padding away; what puts them back."""
    truncation, padding = backend.truncation, backend.padding
    backend.no_truncation()
    backend.no_padding()

    def restore() -> None:
        if truncation:
            backend.enable_truncation(**truncation)
        if padding:
            backend.enable_padding(**padding)

    return restore


def _trim_blanks(texts: Sequence[str], lengths: Int64, start: Int32, end: Int32) -> None:
    """Move ``start`` and ``end`` past blanks, in place; a token of blanks alone ends up empty at its end."""
    blank = _blanks(texts)
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    # Where each token's text begins when all texts are joined.
    base = np.repeat(np.cumsum(sizes) - sizes, lengths)
    # One character a round, and only for the tokens that still have a blank there.
    for edge, place, step in ((start, 0, 1), (end, -1, -1)):
        active = np.flatnonzero(start < end)
        while len(active := active[blank[base[active] + edge[active] + place]]):
            edge[active] += step
            active = active[start[active] < end[active]]


def _blanks(texts: Sequence[str]) -> Bool:
    """bool[characters of all texts]: which are white space in the sense of ``str.isspace``."""
    # UTF-32 has one integer a character.
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    return _SPACE[np.minimum(codes, len(_SPACE) - 1)]
