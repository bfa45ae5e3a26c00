"""The configurations of ``tools/make_quality.py``: what is tried, on which data, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from qatk.api import QatkError
from qatk.plugins.host import PluginHost
from qatk.recipes.recipe import load_recipe

PREDICTING = 1 / 6
"""The time in which a question is answered, as a share of that in which it is learnt from."""
LAYERS = 6
"""Of MiniLM, where a setting says nothing else."""
ASSUMED_S = 0.14
"""Seconds in which one core learns from a window of MiniLM, for as long as no run is finished."""
_RUN = r"\{(?:runs|told)\}/[\w.-]+"
"""In settings: the runs of a configuration, or what they told."""
WAYS = ("shuffle", "drop_words", "distract", "swap_questions", "swap_entities", "cloze", "recurring")


@dataclass(frozen=True)
class Part:
    """Data that a configuration is trained and scored on: a fold, or all training data with a seed.

    Attributes:
        name: of the folder of a run.
        train, dev: SQuAD files.
        seed: of the run.
        questions, scored: how many there are in the two.
        seeds: the names of all parts with these articles, of which this is one; by default, it is the only one.
        drawn: how many of the questions are learnt from; ``None`` for all.
        settings: of all runs on it, beside those of their configurations.
    """

    name: str
    train: Path
    dev: Path
    seed: int
    questions: int = 0
    scored: int = 0
    seeds: Sequence[str] = ()
    drawn: int | None = None
    settings: Sequence[str] = ()

    def named(self, placeholder: str) -> Sequence[str]:
        """The parts that ``part``, ``first``, ``seeds`` or ``others`` (all but the first) stands for in a setting."""
        seeds = self.seeds or [self.name]
        return {"part": [self.name], "first": seeds[:1], "seeds": seeds, "others": seeds[1:]}[placeholder]


@dataclass(frozen=True)
class Common:
    """What all runs have in common.

    Attributes:
        recipe: that the settings are of.
        out: where the runs lie, as NAME/PART.
        limit: how many questions are used of each part, as ``--limit`` says; ``None`` for all.
        large: the larger model that ``{large}`` stands for, its folder or its id.
        kept: where the records lie, and as ``{told}/NAME/PART.parquet`` what a run told of its training questions.
    """

    recipe: Path
    out: Path
    limit: int | None = None
    large: str | None = None
    kept: Path = Path("kept")

    def filled(self, setting: str) -> str:
        """A setting without placeholders."""
        filled = setting.replace("{runs}", str(self.out)).replace("{told}", str(self.kept))
        return filled.replace("{large}", self.large or "{large}")


@dataclass(frozen=True)
class Configuration:
    """A line of the table: what is tried, by settings of the recipe, ways to augment, and how many questions.

    ``times`` is how long a question takes in terms of the recipe's model, ``tells`` whether its runs tell others what
    they think of their training questions, ``both_kinds`` whether it learns from articles with both kinds alone.
    """

    name: str
    what: str
    settings: Sequence[str] = ()
    augment: Mapping[str, object] | None = None
    questions: int | None = None
    times: float = 1.0
    tells: bool = False
    both_kinds: bool = False

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> Configuration:
        """As the table has it."""
        return cls(
            name,
            given["what"],
            given.get("set", ()),
            given.get("augment"),
            given.get("questions"),
            given.get("times", 1.0),
            given.get("tells", False),
            given.get("both_kinds", False),
        )

    def smaller(self, questions: int) -> Configuration:
        """The same with fewer questions, for the learning curve; it starts from runs with as few."""
        settings = [re.sub(rf"({_RUN})/", rf"\1-{questions}/", each) for each in self.settings]
        return replace(self, name=f"{self.name}-{questions}", questions=questions, settings=settings)

    def on(self, base: Configuration) -> Configuration:
        """The same on top of another one, whose runs it may start from as ``{base}``; what both set is as it says.

        What the other one is told to tell is not its own.
        """
        mine = [each.replace("{base}", f"{{runs}}/{base.name}") for each in self.settings]
        settings = {each.partition("=")[0]: each for each in (*base.settings, *mine)}
        ways = {**(base.augment or {}), **(self.augment or {})} or None
        return replace(
            self,
            settings=list(settings.values()),
            augment=ways,
            questions=self.questions or base.questions,
            times=max(self.times, base.times),
            both_kinds=self.both_kinds or base.both_kinds,
        )

    @property
    def bases(self) -> list[str]:
        """The configurations whose runs it starts from."""
        return [found.partition("/")[2] for found in re.findall(_RUN, " ".join(self.settings))]

    def needs(self, part: Part, what: str = "runs|told") -> list[tuple[str, str]]:
        """The runs that it starts from on this part, or learns from what they told, by configuration and part."""
        return re.findall(rf"\{{(?:{what})\}}/([\w.-]+)/(\w+)", " ".join(self._placed(part)))

    def _placed(self, part: Part) -> list[str]:
        """The settings, with parts for their placeholders; where one stands for several, so does the whole path."""

        def paths(found: re.Match[str]) -> str:
            return ", ".join(f"{found[1]}/{name}{found[3]}" for name in part.named(found[2]))

        return [re.sub(rf"({_RUN})/\{{(\w+)\}}((?:\.\w+)?)", paths, each) for each in self.settings]

    @property
    def trains(self) -> bool:
        """Whether anything is trained, so that a seed means something."""
        return "data.train=null" not in self.settings

    def all_settings(self, part: Part, common: Common) -> list[str]:
        """KEY=VALUE of everything, data included."""
        data: dict[str, object] = {"use": "squad", "path": str(part.train)}
        drawn = self.questions or part.drawn
        if drawn:
            data = {"use": "mix", "sets": {"train": data}, "questions": drawn}
        if self.both_kinds:  # of those that are drawn, which the stage before it learnt from
            more = {"column": "drawn"} if drawn else {}
            data = {"use": "mix", "sets": {"train": data}, "both_kinds": True, **more}
        if self.augment:
            data = {"use": "augment", "set": data, **self.augment}
        mine = [common.filled(each) for each in self._placed(part)]
        dev = flow({"use": "squad", "path": str(part.dev)})
        return [*part.settings, f"data.train={flow(data)}", f"data.dev={dev}", *mine]

    def command(self, part: Part, common: Common) -> list[str]:
        """``qatk run`` for a part, whose dev data choose no epoch."""
        settings = ["keep_best=null", "score_epochs=false", *self.all_settings(part, common)]
        folder, limit = common.out / self.name / part.name, common.limit
        resume = ["--resume"] if (folder / "manifest.json").exists() else []
        few = [] if limit is None else ["--limit", str(limit)]
        words = ["run", str(common.recipe), "--seed", str(part.seed), "--out", str(folder), *resume, *few]
        return [*words, *(word for each in settings for word in ("--set", each))]

    def cost(self, part: Part, common: Common) -> float:
        """How many questions have to be learnt from, those of each epoch counted; others in terms of these."""
        try:
            filled = load_recipe(common.recipe, PluginHost.discover(), self.all_settings(part, common)).filled()
        except QatkError:
            return 0.0
        trainer: Any = filled["trainer"]
        most = (common.limit or 10**9) if self.trains else 0
        questions = min(part.questions, self.questions or part.drawn or 10**9, most)
        ways = self.augment or {}
        more = sum(float(str(ways.get(way, 0.0))) for way in WAYS)
        questions = min(questions * (more + (0 if ways.get("originals") is False else 1)), most)
        more_of_it = {"r_drop": 1.0, "adversarial": 1.3, "masked_words": 0.1}  # benchmarks/levers.py
        passes = 1.0 + sum(share for name, share in more_of_it.items() if trainer.get(name))
        named = trainer.get("teacher", [])
        teachers = [each for each in ([named] if isinstance(named, str) else named) if not each.endswith(".parquet")]
        told = questions * PREDICTING * len(teachers)
        learnt = trainer["epochs"] * questions * passes + min(part.scored, most) * PREDICTING
        layers = filled["backbone"].get("layers") or LAYERS
        return float(self.times * layers / LAYERS * learnt + told)


def stages_of(table: Mapping[str, Any]) -> dict[str, Configuration]:
    """The stages of the table by name; one that is ``like`` an earlier one has its settings too."""
    found: dict[str, Configuration] = {}
    for name, given in table.get("stages", {}).items():
        one = Configuration.of(name, given)
        found[name] = one.on(found[given["like"]]) if "like" in given else one
    return found


def flow(value: object) -> str:
    """YAML in a line, as ``--set`` reads it."""
    return str(yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False)).strip()
