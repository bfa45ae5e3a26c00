"""Every metric of the ``evaluate`` library, for a whole set of answers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qatk.api import DataError, Examples, HubUnreachable, Predictions, UsageError
from qatk.display import counted
from qatk.files import unreachable
from qatk.types import Float64
from qatk_builtin.metrics import EvaluateOptions

if TYPE_CHECKING:
    import evaluate


class EvaluateMetric:
    """A metric of the ``evaluate`` library, by name or local path.

    Texts go in as the metric's features ask for them: in the form of ``squad`` and ``squad_v2``, or as plain texts
    with all gold answers, or only the first, of each question (``""`` where there is none).
    """

    def __init__(self, options: EvaluateOptions) -> None:
        self.options = options

    def score(self, examples: Examples, predictions: Predictions) -> Mapping[str, Float64]:
        """Nothing: these metrics exist for whole sets."""
        return {}

    def corpus(self, examples: Examples, predictions: Predictions) -> dict[str, float]:
        """The metric's figures, each key after the metric's name; in the metric's own units.

        What is not a single number is left out. Null odds go into ``no_answer_probability`` as they are, and unless
        ``arguments`` say otherwise no threshold is applied to them; without null odds there are no ``best_*``.

        Raises:
            UsageError: where there is no such metric, it lacks a package, does not judge texts or gives no number;
                where questions or answers have several spans, which no metric of the library can be told.
            HubUnreachable: where the hub does not answer, so that nobody knows whether it has the metric.
            DataError: where the examples carry no gold.
        """
        if not examples.has_gold:
            raise DataError("these examples carry no gold answers", fix="scores need gold; use labelled data")
        _refuse_several(examples, predictions)
        metric = load_metric(self.options.name, self.options.config)
        odds_known = not np.isnan(predictions.null_odds).any()
        arguments = self.options.arguments
        if "no_answer_threshold" in inspect.signature(metric._compute).parameters:
            arguments = {"no_answer_threshold": math.inf, **arguments}
        figures = metric.compute(**_inputs(metric, examples, predictions, odds_known), **arguments)
        numbers = {key: float(value) for key, value in figures.items() if _is_number(value)}
        if not numbers:
            raise UsageError(f"the metric {metric.name!r} gives no single number, only {', '.join(figures)}")
        unknowable = () if odds_known else ("best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh")
        return {f"{metric.name}_{key}": value for key, value in numbers.items() if key not in unknowable}


def load_metric(name: str, config: str | None = None) -> evaluate.EvaluationModule:
    """Load a metric of the ``evaluate`` library; ``name`` is a hub name or the path of a script or its folder.

    Raises:
        UsageError, HubUnreachable: as :meth:`EvaluateMetric.corpus` does.
    """
    import evaluate

    try:
        return evaluate.load(name, config, keep_in_memory=True)
    except ImportError as error:
        raise UsageError(f"the metric {name!r} cannot be loaded: {error}", fix="install what it needs") from error
    except (FileNotFoundError, ConnectionError) as error:
        raise _why_not_found(name) from error


def _why_not_found(name: str) -> UsageError | HubUnreachable:
    """``evaluate`` says the same of an unknown name and of an unreachable hub; ask the hub which it is."""
    import huggingface_hub

    if name.endswith(".py") or Path(name).is_absolute() or name.startswith(".") or name.count("/") > 1:
        return UsageError(
            f"there is no metric script at {name!r}", fix="give a script, or a folder with one of its name"
        )
    space = name if "/" in name else f"evaluate-metric/{name}"
    try:
        known = huggingface_hub.repo_exists(space, repo_type="space")
    except huggingface_hub.errors.HFValidationError:
        known = False
    except Exception as error:  # its HTTP library, and so the type of a failed connection, differs between versions
        found = unreachable(f"the metric {name}", error, "a local metric script")
        found.__cause__ = error
        return found
    if known:
        return HubUnreachable(f"the hub has the metric {name!r}, but fetching it failed", fix="try again")
    return UsageError(
        f"neither this machine nor the hub has a metric {name!r}", fix="see https://hf.co/evaluate-metric"
    )


def _refuse_several(examples: Examples, predictions: Predictions) -> None:
    due = int((examples.spans_due > 1).sum())
    said = 0 if predictions.several is None else int((np.diff(predictions.several.offsets) > 1).sum())
    if due or said:
        what = f"{counted(due, 'question', 'has')} several spans, and {counted(said, 'answer')}"
        fix = "its metrics take one span a question: leave it out, and name the metric squad"
        raise UsageError(what, where="the evaluate library", fix=fix)


def _inputs(
    metric: evaluate.EvaluationModule, examples: Examples, predictions: Predictions, odds_known: bool
) -> dict[str, Sequence[object]]:
    """Predictions and references in the form that the metric's features ask for."""
    form = metric.features[0] if isinstance(metric.features, list) else metric.features
    given, references = form["predictions"], form["references"]
    if isinstance(given, Mapping) and "prediction_text" in given:
        with_odds = "no_answer_probability" in given
        return _squad_inputs(examples, predictions, with_odds, odds_known)
    if getattr(given, "dtype", None) == "string":
        return _text_inputs(examples, predictions, several=getattr(references, "dtype", None) != "string")
    raise UsageError(f"the metric {metric.name!r} takes predictions of {given}, not texts")


def _squad_inputs(
    examples: Examples, predictions: Predictions, with_odds: bool, odds_known: bool
) -> dict[str, Sequence[object]]:
    """The form of ``squad`` and, with odds, of ``squad_v2``."""
    given: list[dict[str, object]] = [
        {"id": name, "prediction_text": text} for name, text in zip(examples.id, predictions.text, strict=True)
    ]
    if with_odds:
        for entry, odds in zip(given, predictions.null_odds.tolist(), strict=True):
            entry["no_answer_probability"] = odds if odds_known else 0.0
    offsets = examples.answer_offsets
    assert offsets is not None
    references = []
    for row, name in enumerate(examples.id):
        texts, starts = examples.answers_of(row), examples.answer_start[offsets[row] : offsets[row + 1]].tolist()
        if not texts and not with_odds:
            texts, starts = [""], [-1]
        references.append({"id": name, "answers": {"text": texts, "answer_start": starts}})
    return {"predictions": given, "references": references}


def _text_inputs(examples: Examples, predictions: Predictions, several: bool) -> dict[str, Sequence[object]]:
    """Plain texts, with all references or only the first.

    Some metrics want equally many of each question, so the first is repeated to fill up: that changes nothing for
    one that takes the best of them, or their union.
    """
    gold: Sequence[list[str]] = [examples.answers_of(row) or [""] for row in range(len(examples))]
    if not several:
        return {"predictions": list(predictions.text), "references": [answers[0] for answers in gold]}
    most = max(map(len, gold), default=0)
    filled = [answers + answers[:1] * (most - len(answers)) for answers in gold]
    return {"predictions": list(predictions.text), "references": filled}


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
