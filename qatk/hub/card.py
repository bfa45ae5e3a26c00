"""The model card: what a model is, how it scored, how to use it; with the metadata that the hub reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qatk.hub.published import names_hub
from qatk.results import Evaluation, RunResult

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

TASK = "question-answering"
METRICS = (("exact", "exact_match", "EM"), ("f1", "f1", "F1"))
"""Figures of the card: key, the hub's name of the metric, and what people call it."""
WIDGETS, LONGEST = 3, 1_500
"""Examples that the hub's page offers, and characters of the longest context among them."""


@dataclass(frozen=True)
class About:
    """What only the publisher knows.

    Attributes:
        license: an identifier of the hub, such as ``apache-2.0``.
        language: codes of languages, such as ``en``.
        datasets: hub ids of the data that the model was trained on, beside those that the recipe names.
        base_model: the hub id of the encoder that training began with, if the recipe does not say it.
    """

    license: str | None = None
    language: Sequence[str] = ()
    datasets: Sequence[str] = ()
    base_model: str | None = None


def model_card(repo: str, result: RunResult | None, about: About, *, loads: bool) -> str:
    """The text of ``README.md``.

    Args:
        repo: where the model goes.
        result: the run that trained it, if there is one.
        about: what the run does not say.
        loads: whether transformers loads the whole model, head included.
    """
    from huggingface_hub import ModelCard, ModelCardData

    name = repo.rpartition("/")[2]
    recipe: Mapping[str, object] = {} if result is None else result.manifest.get("recipe", {})
    run = None if result is None else result.folder
    sources = _datasets(recipe, run)
    results = [] if result is None else list(_eval_results(result, sources))
    widget = [] if result is None else _widget(result.evaluation)
    data = ModelCardData(
        license=about.license,
        language=list(about.language) or None,
        library_name="transformers",
        pipeline_tag=TASK,
        tags=["qatk", "extractive-question-answering"],
        datasets=sorted({*about.datasets, *(name for name, _, _ in sources.values())}) or None,
        base_model=about.base_model or _base_model(recipe, run),
        metrics=[metric for _, metric, _ in METRICS] if results else None,
        model_name=name if results else None,
        eval_results=results or None,
    )
    if widget:
        data["widget"] = widget
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_text(repo, result, loads=loads)}"))


def _datasets(recipe: Mapping[str, object], run: Path | None) -> dict[str, tuple[str, str | None, str | None]]:
    """By split, the hub id, configuration and split of data that a recipe reads from the hub."""
    data = recipe.get("data")
    parts = data if isinstance(data, Mapping) else {}
    return {
        split: (part["name"], part.get("config"), part.get("split"))
        for split, part in parts.items()
        if str(part["use"]).rpartition("/")[2] == "hub" and names_hub(part.get("name"), run)
    }


def _base_model(recipe: Mapping[str, object], run: Path | None) -> str | None:
    """The hub id that training began with; ``None`` where it was a folder, a package or nothing."""
    backbone = recipe.get("backbone")
    model = backbone.get("model") if isinstance(backbone, Mapping) else None
    return model if names_hub(model, run) else None


def _eval_results(result: RunResult, sources: Mapping[str, tuple[str, str | None, str | None]]) -> Iterator[EvalResult]:
    """EM and F1 of every evaluation set, and of its questions with an answer and without."""
    from huggingface_hub import EvalResult

    for split, evaluation in {result.on: result.evaluation, **result.sets}.items():
        of_hub = sources.get(split)
        for group in evaluation.groups:
            label = {"all": "", "HasAns": "questions with an answer", "NoAns": "questions without an answer"}
            about = label.get(group.name, group.name)
            for key, metric, said in METRICS:
                if key in group.metrics:
                    yield EvalResult(
                        task_type=TASK,
                        task_name="Question Answering",
                        dataset_type=split if of_hub is None else of_hub[0],
                        dataset_name=f"{split} of {result.name}" if of_hub is None else of_hub[0],
                        dataset_config=None if of_hub is None else of_hub[1],
                        dataset_split=split if of_hub is None else of_hub[2] or split,
                        metric_type=metric,
                        metric_name=f"{said} ({about})" if about else said,
                        metric_value=round(group.metrics[key], 2),
                    )


def _widget(evaluation: Evaluation) -> list[dict[str, str]]:
    """Questions that the hub's page offers: of the evaluation data, answerable ones first, each of another context."""
    examples = evaluation.examples
    rows = sorted(range(len(examples)), key=lambda row: (not examples.has_answer[row], row))
    found: dict[int, dict[str, str]] = {}
    for row in rows:
        context, place = examples.context_of(row), int(examples.context_index[row])
        if len(context) <= LONGEST and place not in found:
            found[place] = {"text": examples.question[row], "context": context}
        if len(found) == WIDGETS:
            break
    return list(found.values())


def _text(repo: str, result: RunResult | None, *, loads: bool) -> str:
    """What people read."""
    lines = [f"# {repo.rpartition('/')[2]}", ""]
    lines += ["An extractive question answering model: it answers a question by a span of a text, or says that there"]
    made = "Published" if result is None else "Trained, measured and published"
    lines += [f"is no answer. {made} with qatk.", ""]
    if result is not None:
        lines += [*_figures(result), *_made_of(result)]
    lines += ["## Use", "", "```python", "import qatk", "", f'model = qatk.load_model("{repo}")']
    lines += ['reply = model.answer("When was the mill built?", "The mill was built in 1843 by the guild.")']
    lines += ['print(reply.text or "no answer", reply.probability)', "```", ""]
    if result is not None:
        lines += [
            "qatk answers with the windows, the decoder and the threshold of the run that was measured.",
            "",
        ]
    if loads:
        lines += ["transformers loads it too, as `AutoModelForQuestionAnswering`, which gives the scores alone.", ""]
    return "\n".join(lines)


def _figures(result: RunResult) -> Iterator[str]:
    yield from ("## Figures", "", "| data | questions | EM | F1 |", "| :-- | --: | --: | --: |")
    for split, evaluation in {result.on: result.evaluation, **result.sets}.items():
        for group in evaluation.groups:
            cells = [_with_interval(group.metrics.get(key), group.intervals.get(key)) for key, _, _ in METRICS]
            name = split if group.name == "all" else f"{split}: {group.name}"
            yield f"| {name} | {group.total:,} | {' | '.join(cells)} |"
    by = result.evaluation.clusters.kind
    yield from ("", f"In per cent, with 95 % intervals by {by}. `qatk/report.md` has more.", "")


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return ""
    if interval is None or interval[0] != interval[0]:
        return f"{value:.1f}"
    return f"{value:.1f} ({interval[0]:.1f} to {interval[1]:.1f})"


def _made_of(result: RunResult) -> Iterator[str]:
    """The parts of the run and the size of its data, by name and number alone."""
    recipe, data = result.manifest.get("recipe", {}), result.manifest.get("data", {})
    kinds = ("backbone", "featurizer", "head", "trainer", "decoder")
    yield from ("## Training", "")
    yield "- parts: " + ", ".join(f"{kind} `{recipe[kind]['use']}`" for kind in kinds if kind in recipe)
    for split, record in data.items():
        yield f"- {split}: {record.get('questions', 0):,} questions about {record.get('contexts', 0):,} contexts"
    yield from (f"- seed: {recipe.get('seed')}", "- recipe: `qatk/recipe.yaml`", "")
