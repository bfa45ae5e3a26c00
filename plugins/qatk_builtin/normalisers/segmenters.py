"""Normalisers in words that the segmenter of another library finds."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

from qatk_builtin.normalisers.rules import Segmented

if TYPE_CHECKING:
    from sudachipy import Tokenizer


@cache
def _sudachi() -> Tokenizer:
    """Sudachi with its small dictionary, which takes a moment to open."""
    from sudachipy import Dictionary, SplitMode

    return Dictionary(dict="small").tokenizer(mode=SplitMode.C)


class Sudachi(Segmented):
    """Japanese in the words of Sudachi, the longest that its small dictionary knows (Takaoka et al. 2018)."""

    def words(self, text: str) -> list[str]:
        """The segments of a text."""
        return [str(word) for word in _sudachi().tokenize(text)]


class Newmm(Segmented):
    """Thai in the words of PyThaiNLP's ``newmm``: maximal matching of a dictionary within character clusters."""

    def words(self, text: str) -> list[str]:
        """The segments of a text."""
        if "PYTHAINLP_READ_MODE" not in os.environ:
            os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")  # or it makes a folder in the user's home
        from pythainlp.tokenize import word_tokenize

        return list(word_tokenize(text, engine="newmm"))
