"""How a tokenizer joins a question and a context: read off its own pair encodings, never hard-coded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal, TypeVar

from qatk.api import BackboneSpec, ModelError, Tokenizer
from qatk_builtin.featurizers.tokens import TokenRows, bare, token_rows

if TYPE_CHECKING:
    from tokenizers import Encoding

T = TypeVar("T")
Kind = Literal["special", "question", "context"]

_DUMMIES = (("who", "me"), ("a", "b"), ("1", "2"), ("何", "人"))


@dataclass(frozen=True)
class Piece:
    """A part of a window: special tokens, or the place of the question or the context."""

    kind: Kind
    type_id: int
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class PairTemplate:
    """The pieces of a window in order, such as ``[CLS] question [SEP] context [SEP]``."""

    pieces: tuple[Piece, ...]

    @property
    def specials(self) -> int:
        """How many special tokens a window has."""
        return sum(len(piece.ids) for piece in self.pieces)

    def find(self, token_id: int) -> tuple[int, int] | None:
        """The first special token with this id: its piece and its place therein; ``None`` where there is none."""
        places = ((k, piece.ids.index(token_id)) for k, piece in enumerate(self.pieces) if token_id in piece.ids)
        return next(places, None)


class PairEncoder:
    """Pairs through the tokenizer's own ``__call__``: the reference for splicing, and its stand-in.

    Args:
        tokenizer: a fast tokenizer.
        spec: of its model; with ``padding_side`` "left" the context comes first.

    Raises:
        ModelError: the tokenizer makes no tokens, or joins a pair by no fixed template.
    """

    def __init__(self, tokenizer: Tokenizer, spec: BackboneSpec) -> None:
        self._tokenizer, self._name = tokenizer, spec.name
        self._kinds: tuple[Kind, Kind] = ("question", "context")
        if spec.padding_side == "left":
            self._kinds = ("context", "question")
        self.template = self._read_template()

    def encode(self, questions: Sequence[str], contexts: Sequence[str]) -> tuple[TokenRows, TokenRows]:
        """Tokens of the questions and of the contexts, row by row, as they are in the pairs' encodings."""
        encodings = self._call(questions, contexts)
        for encoding, question, context in zip(encodings, questions, contexts, strict=True):
            self._check(encoding, question, context)
        return self._rows(encodings, "question", questions), self._rows(encodings, "context", contexts)

    def _call(self, questions: Sequence[str], contexts: Sequence[str]) -> list[Encoding]:
        columns = {"question": list(questions), "context": list(contexts)}
        if not questions:
            return []
        first, second = (columns[kind] for kind in self._kinds)
        with bare(self._tokenizer.backend_tokenizer):
            output = self._tokenizer(first, second, truncation=False, padding=False, verbose=False)
        return list(output.encodings)

    def _read_template(self) -> PairTemplate:
        for question, context in _DUMMIES:
            (encoding,) = self._call([question], [context])
            if {0, 1} <= set(encoding.sequence_ids):
                return PairTemplate(tuple(self._pieces(encoding)))
        raise ModelError(f"the tokenizer of {self._name} makes no tokens of plain words", fix="check its vocabulary")

    def _pieces(self, encoding: Encoding) -> list[Piece]:
        pieces: list[Piece] = []
        for token_id, type_id, sequence in zip(encoding.ids, encoding.type_ids, encoding.sequence_ids, strict=True):
            kind: Kind = "special" if sequence is None else self._kinds[sequence]
            ids: tuple[int, ...] = (token_id,) if kind == "special" else ()
            if pieces and (pieces[-1].kind, pieces[-1].type_id) == (kind, type_id):
                ids = pieces.pop().ids + ids
            pieces.append(Piece(kind, type_id, ids))
        return pieces

    def _check(self, encoding: Encoding, question: str, context: str) -> None:
        """Raise unless the template, filled with the two sequences, gives the whole encoding."""
        ids: list[int] = []
        types: list[int] = []
        for piece in self.template.pieces:
            part = piece.ids if piece.kind == "special" else self._of(encoding, piece.kind, encoding.ids)
            ids.extend(part)
            types.extend([piece.type_id] * len(part))
        if ids != encoding.ids or types != encoding.type_ids:
            raise ModelError(
                f"the tokenizer of {self._name} joins {question!r} and {context[:40]!r} by another template than "
                "other pairs",
                fix="the stride featurizer cannot make windows for it: choose another model or featurizer",
            )

    def _of(self, encoding: Encoding, kind: Kind, column: Sequence[T]) -> list[T]:
        """The values of one sequence in a column of an encoding."""
        wanted = self._kinds.index(kind)
        return [value for value, sequence in zip(column, encoding.sequence_ids, strict=True) if sequence == wanted]

    def _rows(self, encodings: Sequence[Encoding], kind: Kind, texts: Sequence[str]) -> TokenRows:
        ids = [self._of(encoding, kind, encoding.ids) for encoding in encodings]
        spans = chain.from_iterable(self._of(encoding, kind, encoding.offsets) for encoding in encodings)
        return token_rows(texts, list(map(len, ids)), chain.from_iterable(ids), spans)
