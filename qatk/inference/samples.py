"""Questions for exporters, to trace a model with and to see that its answers stay; a few where no data is given."""

from __future__ import annotations

import warnings

from qatk.data import pairs
from qatk.errors import QatkWarning
from qatk.evaluation.evaluate import read_data
from qatk.plugins.host import PluginHost
from qatk.plugins.live_exports import LiveExporter
from qatk.spelling import commanded
from qatk.types import Examples
from qatk.types.further import NoColumn

_CONTEXTS = (
    "The mill by the river was built in 1786 by Anna Keller, a miller's daughter from Basel. It ground rye and spelt "
    "for four villages. A flood took the wheel in 1824, and a turbine came in its place, the first in the valley.",
    "Copper conducts electricity better than any other metal but silver. About 60 % of all copper is used for wires, "
    "and 20 % for roofs and pipes. Chile mines more of it than any other country, followed by Peru and the Congo.",
    "Lake Ohrid is one of the oldest lakes in Europe. It is 288 metres deep and has more than 200 species that live "
    "nowhere else. Most of its water comes from springs, which the higher Lake Prespa feeds through a mountain.",
)
_QUESTIONS = (
    ("Who built the mill?", "When did the flood come?", "What replaced the wheel?", "How many people lived there?"),
    ("Which metal conducts better than copper?", "What is copper used for?", "Who discovered copper?"),
    ("How deep is Lake Ohrid?", "Where does the water come from?", "Which river leaves the lake?"),
)


def read_as_scored(data: object, column: str | None, host: PluginHost) -> Examples:
    """Examples to score as a run did, which compared answers by the languages that ``column`` holds.

    Raises:
        QatkError: a subclass of it, as of :func:`qatk.evaluation.evaluate.read_data`.
    """
    try:
        return read_data(data, host, language_column=column)
    except NoColumn as error:
        if error.column == column:
            error.fix = "name data that have it: the model's run compared answers by the languages that it holds"
        raise


def sample_for(exporter: LiveExporter) -> Examples:
    """The questions for an exporter where no data is given, with a warning where they decide what it writes."""
    if exporter.calibrates:
        what = f"{exporter.registered.name} finds the ranges of int8 on a few built-in questions in English: "
        export = "qatk export --data" if commanded() else "qatk.export(..., data=...)"
        warnings.warn(QatkWarning(f"{what}give some of yours to {export}"), stacklevel=3)
    return sample_examples()


def sample_examples() -> Examples:
    """Questions with answers and without, over contexts of a few sentences, and over all of them as one."""
    asked = [(question, context) for context, of in zip(_CONTEXTS, _QUESTIONS, strict=True) for question in of]
    whole = " ".join(_CONTEXTS)
    asked += [(question, whole * 2) for of in _QUESTIONS for question in of[:2]]
    return pairs([question for question, _ in asked], [context for _, context in asked])
