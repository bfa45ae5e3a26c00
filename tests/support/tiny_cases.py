"""A tiny backbone that is ready."""

from __future__ import annotations

from qatk_builtin.backbones import TinyOptions
from qatk_builtin.backbones.tiny import TinyBackbone
from stride_tools import CORPUS, examples_of

EXAMPLES = examples_of([("Who wrote it?", text) for text in CORPUS])
SMALL = {"vocab_size": 150, "hidden_size": 16, "max_length": 40}


def prepared(**options: int) -> TinyBackbone:
    tiny = TinyBackbone(TinyOptions(**SMALL | options))
    tiny.prepare(EXAMPLES)
    return tiny
