"""What heads return, held against their protocol: what does not fit is told as the head's error, not met as torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from qatk.api import Batch, PairLogits, SpanLogits, TokenLogits, WrongReturn


def checked_output(head: nn.Module, output: object, batch: Batch) -> SpanLogits | PairLogits | TokenLogits:
    """The output of a head. Raises :class:`WrongReturn` where its kind or shapes are others than the batch asks for."""
    if not isinstance(output, SpanLogits | PairLogits | TokenLogits):
        what = f"forward returned {_seen(output)}, expected SpanLogits, PairLogits or TokenLogits"
        raise WrongReturn(what, by=head)
    if torch.compiler.is_compiling():  # a graph of any batch and length, which comparisons would narrow
        return output
    windows, positions = batch.token_mask.shape
    spans = output.score.shape[-1:] if isinstance(output, PairLogits) else ()
    for name, due in {
        "null": (windows,),
        **dict.fromkeys(("start", "end", "inside", "begin"), (windows, positions)),
        **dict.fromkeys(("first", "last", "score"), (windows, *spans)),
    }.items():
        found = getattr(output, name, None)
        if found is not None and found.shape != due:
            what = f"forward returned {name} of the shape {list(found.shape)}, expected {list(due)}"
            raise WrongReturn(f"{what} for {windows} windows of {positions} positions", by=head)
    return output


def checked_loss(head: nn.Module, loss: object) -> Tensor:
    """The loss of a head. Raises :class:`WrongReturn` for what is no scalar that gradients can come from."""
    if not isinstance(loss, Tensor) or loss.dim():
        raise WrongReturn(f"loss returned {_seen(loss)}, expected a tensor without dimensions", by=head)
    if torch.is_grad_enabled() and not loss.requires_grad:
        raise WrongReturn(
            "loss returned a tensor that is detached from the weights, so that nothing is learnt", by=head
        )
    return loss


def _seen(value: object) -> str:
    return f"a tensor of the shape {list(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
