"""The head that XLNet's, XLM's and FlauBERT's question-answering classes have, in the layers of ``conditional``.

Each published layer over two states joined, ``[token, start]`` and ``[start, CLS]``, is two layers here, or one over
``[CLS, start]``: the same sums. Names are those of ``XLNetForQuestionAnswering``; the others have a prefix before them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

PREFIXES = ("", "qa_outputs.")
_EPS = 1e-12  # layer_norm_eps of all three


def to_ours(state: Mapping[str, Tensor], hidden_size: int) -> tuple[dict[str, Tensor], str] | None:
    """A published head's weights under the names of ``conditional``, and their prefix; ``None`` of other weights."""
    for prefix in PREFIXES:
        inner = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
        if len(inner) == len(state) and {n: tuple(v.shape) for n, v in inner.items()} == _shapes(hidden_size):
            beside, begun = inner["end_logits.dense_0.weight"].chunk(2, 1)
            about, null = inner["answer_class.dense_0.weight"].chunk(2, 1)
            ours = {
                "start.weight": inner["start_logits.dense.weight"],
                "start.bias": inner["start_logits.dense.bias"],
                "beside.weight": beside,
                "beside.bias": inner["end_logits.dense_0.bias"],
                "begun.weight": begun,
                "joined.1.weight": inner["end_logits.LayerNorm.weight"],
                "joined.1.bias": inner["end_logits.LayerNorm.bias"],
                "end.weight": inner["end_logits.dense_1.weight"],
                "end.bias": inner["end_logits.dense_1.bias"],
                "verifier.layer.weight": torch.cat([null, about], 1),
                "verifier.layer.bias": inner["answer_class.dense_0.bias"],
                "verifier.score.weight": inner["answer_class.dense_1.weight"],
            }
            return ours, prefix
    return None


def to_theirs(ours: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The weights of ``conditional`` in the published form, under the published names."""
    null, about = ours["verifier.layer.weight"].chunk(2, 1)
    theirs = {
        "start_logits.dense.weight": ours["start.weight"],
        "start_logits.dense.bias": ours["start.bias"],
        "end_logits.dense_0.weight": torch.cat([ours["beside.weight"], ours["begun.weight"]], 1),
        "end_logits.dense_0.bias": ours["beside.bias"],
        "end_logits.LayerNorm.weight": ours["joined.1.weight"],
        "end_logits.LayerNorm.bias": ours["joined.1.bias"],
        "end_logits.dense_1.weight": ours["end.weight"],
        "end_logits.dense_1.bias": ours["end.bias"],
        "answer_class.dense_0.weight": torch.cat([about, null], 1),
        "answer_class.dense_0.bias": ours["verifier.layer.bias"],
        "answer_class.dense_1.weight": ours["verifier.score.weight"],
    }
    return {f"{prefix}{name}": value for name, value in theirs.items()}


def after_joining(hidden_size: int) -> nn.Module:
    """What a published head does between the layer over two states and the score of an end."""
    return nn.Sequential(nn.Tanh(), nn.LayerNorm(hidden_size, eps=_EPS))


def _shapes(size: int) -> dict[str, tuple[int, ...]]:
    return {
        "start_logits.dense.weight": (1, size),
        "start_logits.dense.bias": (1,),
        "end_logits.dense_0.weight": (size, 2 * size),
        "end_logits.dense_0.bias": (size,),
        "end_logits.LayerNorm.weight": (size,),
        "end_logits.LayerNorm.bias": (size,),
        "end_logits.dense_1.weight": (1, size),
        "end_logits.dense_1.bias": (1,),
        "answer_class.dense_0.weight": (size, 2 * size),
        "answer_class.dense_0.bias": (size,),
        "answer_class.dense_1.weight": (1, size),
    }
