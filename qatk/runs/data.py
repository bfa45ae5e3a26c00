"""The first stage: examples, and a check that they are those that the run was begun with."""

from __future__ import annotations

from collections.abc import Mapping

from qatk.errors import DataError, RunFolderError, UsageError
from qatk.plugins.live import LiveDataset
from qatk.recipes.keys import differences
from qatk.run_folder.folder import RunFolder
from qatk.run_folder.manifest import DataRecord
from qatk.run_folder.secrets import hidden
from qatk.runs.context import Context, Data
from qatk.spelling import spelled
from qatk.types import Examples, clusters_of


def load_data(context: Context) -> Data:
    """The examples of all splits.

    Raises:
        DataError: where a split holds no questions, or no gold.
        UsageError: where a set to evaluate on lacks the column to cluster by.
        RunFolderError: where a resumed run was begun with other data.
    """
    with context.stages.stage("data") as counts:
        train = None if (part := context.parts.train) is None else _load("train", part, context.limit)
        dev = _load("dev", context.parts.dev, context.limit)
        data = Data(train, dev, {name: _load(name, part, context.limit) for name, part in context.parts.sets.items()})
        _check_clusters(data, context.recipe.cluster)
        described = {name: _describe(split) for name, split in data.splits().items()}
        counts.groups |= {name: {"questions": d.questions, "contexts": d.contexts} for name, d in described.items()}
        _compare(context.folder, described, hidden(context.recipe.filled()))
    return data


def _load(name: str, dataset: LiveDataset, limit: int | None) -> Examples:
    examples = dataset.load()
    if limit is not None:
        examples = examples.take(range(min(limit, len(examples))))
    if not len(examples):
        raise DataError(f"the {name} data holds no questions", where=f"data.{name}", fix="name another file or split")
    if not examples.has_gold:
        why = dataset.without_answers()
        raise DataError(
            f"the {name} data has no gold answers{f': {why}' if why else ''}",
            where=f"data.{name}",
            fix="roles: {answers: NAME} says which one" if why else "a run trains and scores",
        )
    return examples


def _check_clusters(data: Data, cluster: str | None) -> None:
    for name, examples in {"dev": data.dev, **data.sets}.items() if cluster is not None else ():
        try:
            clusters_of(examples, cluster)
        except UsageError as error:
            raise UsageError(error.what, where=f"data.{name}", fix=error.fix) from None


def _compare(folder: RunFolder, described: dict[str, DataRecord], recipe: Mapping[str, object]) -> None:
    """Hold a resumed run to the examples that it was begun with, whatever files or components give them now.

    Evaluation sets beside ``dev``, which decide nothing, may be added, and left out while none is scored.
    """
    held = folder.manifest.data or described

    def free(name: str) -> bool:
        absent = name not in held or (name not in described and not folder.done("score"))
        return absent and name not in ("train", "dev")

    names = [name for name in {**held, **described} if not free(name)]
    if changed := [name for name in names if held.get(name) != described.get(name)]:
        places = tuple(f"data.{name}." for name in changed)
        said = differences(folder.manifest.recipe, recipe, lambda key: key.startswith(places))
        what = f"the {' and '.join(changed)} data changed since {folder.path} was begun"
        what += f" ({'; '.join(said)})" if said else ""
        raise RunFolderError(what, fix=f"name another folder with {spelled('out')}")
    folder.update(data=described)


def _describe(examples: Examples) -> DataRecord:
    return DataRecord(
        digest=examples.digest(),
        questions=len(examples),
        contexts=len(examples.context),
        answerable=int(examples.has_answer.sum()),
    )
