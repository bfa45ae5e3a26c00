from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from qatk.api import Features, SpanLogits, UsageError
from qatk.testing import PluginHost, check_component

HOST = PluginHost.discover()
SMALL = {"epochs": 3.0, "batch_size": 8, "learning_rate": 2e-3, "device": "cpu", "precision": "fp32"}


def trained(name: str, seed: int = 1, **options: Any) -> tuple[Any, Any, list[Any], Features]:
    """Trainer, model, events and training windows; ``upto`` and ``resume`` are for interruptions."""
    upto, resume, head = options.pop("upto", None), options.pop("resume", None), options.pop("head", "linear")
    examples = HOST.build("dataset", "facts", {"questions": 32, "long": 0.0}).load()
    backbone = HOST.build("backbone", "tiny", {"vocab_size": 300, "hidden_size": 16, "layers": 1, "max_length": 96})
    backbone.prepare(examples)
    featurizer = HOST.build("featurizer", "stride", {"max_length": 96, "doc_stride": 16})
    windows = featurizer.featurize(examples, backbone.tokenizer(), backbone.spec(), targets=True).take(np.arange(24))
    trainer = HOST.build("trainer", name, SMALL | options)
    model, events = trainer.assemble(backbone, HOST.build("head", head), seed=seed), []
    for event in trainer.fit(model, windows, windows, seed=1, resume=resume):
        events += [event] if event.kind == "epoch" else []
        if len(events) == upto:
            break
    return trainer, model, events, windows


def same(one: Any, other: Any) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_contract() -> None:
    check_component("trainer", "averaged")


def test_without_smoothing_and_decay_it_is_torch() -> None:
    plain = trained("torch")[1]
    assert same(plain, trained("averaged", smoothing=0.0, decay=0.0)[1])
    assert not same(plain, trained("averaged", smoothing=0.1, decay=0.0)[1])
    assert not same(plain, trained("averaged", smoothing=0.0, decay=0.5)[1])


def test_the_loss_is_that_of_label_smoothing_over_scored_tokens() -> None:
    trainer = HOST.build("trainer", "averaged", SMALL | {"smoothing": 0.3})
    start, end = torch.randn(2, 2, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    masked = torch.tensor([[False, False, True, False, False], [True, True, False, False, True]])
    start, end = start.masked_fill(masked, -torch.inf), end.masked_fill(masked, -torch.inf)
    first, last = torch.tensor([0, 2]), torch.tensor([3, 3])

    class Model:
        def loss(self, output: SpanLogits, batch: Any) -> torch.Tensor:
            return (cross_entropy(output.start, first) + cross_entropy(output.end, last)) / 2

    found = trainer.loss(Model(), SpanLogits(start, end, torch.zeros(2)), None)
    expected = [
        cross_entropy(scores[row][~masked[row]], (~masked[row]).cumsum(0)[gold[row]] - 1, label_smoothing=0.3)
        for scores, gold in ((start, first), (end, last))
        for row in range(2)
    ]
    torch.testing.assert_close(found, torch.stack(expected).mean())
    gradient = torch.autograd.grad(found, start)[0]
    assert gradient.isfinite().all()
    assert (gradient[masked] == 0).all()


def test_the_average_is_what_is_scored_and_saved(tmp_path: Path) -> None:
    trainer, model, events, windows = trained("averaged", decay=0.9)
    np.testing.assert_array_equal(trainer.predict(model, windows).start, events[-1].scores.start)
    trainer.save(model, tmp_path, state=False)
    raw = trained("averaged", decay=0.0)[1]
    assert same(model, trainer.average.module)
    assert not same(model, raw)


def test_training_that_resumes_equals_training_that_never_stopped(tmp_path: Path) -> None:
    _, straight, whole, _ = trained("averaged")
    trainer, model, _, _ = trained("averaged", upto=1)
    trainer.save(model, tmp_path, state=True)
    _, resumed, rest, _ = trained("averaged", seed=9, resume=tmp_path)
    assert same(straight, resumed)
    assert [event.loss for event in rest] == [event.loss for event in whole[1:]]
    np.testing.assert_array_equal(rest[-1].scores.start, whole[-1].scores.start)


def test_heads_that_score_whole_spans_are_refused() -> None:
    with pytest.raises(UsageError, match="this head scores whole spans"):
        trained("averaged", head="biaffine")
