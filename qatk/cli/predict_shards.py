"""The options of ``qatk predict`` that have questions answered in shards."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from qatk.cli.compare_options import launcher_section
from qatk.errors import DataWarning, UsageError

if TYPE_CHECKING:
    from qatk.inference.predict import Elsewhere, Shard
    from qatk.plugins.host import PluginHost

Shards = Annotated[
    int | None,
    typer.Option(
        "--shards",
        min=1,
        metavar="N",
        help="Have a launcher answer N parts of the questions, then join them; the same command again continues.",
        show_default=False,
    ),
]
OneShard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="K/N",
        help="Answer part K of N only, as in a job array; the same command with --resume instead joins them all.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, metavar="N", help="Number of shards at a time.", show_default="1")
]
Launcher = Annotated[
    str | None,
    typer.Option(
        "--launcher",
        metavar="NAME",
        help="Where shards go: local, slurm, ray or a plugin's, such as '{use: slurm, partition: gpu}'.",
        show_default="local",
    ),
]
KeepRunning = Annotated[
    bool,
    typer.Option(
        "--keep-running", help="Ctrl-C leaves the shards that were started running; the same command follows them."
    ),
]
_OF_ALL = {"shards", "jobs", "launcher", "keep_running", "resume", "json"}
"""The parameters that are not those of a shard."""


@dataclass(frozen=True)
class Sharding:
    """Whether there are shards, and where they go."""

    shards: int | None
    shard: str | None
    jobs: int | None
    launcher: str | None
    keep: bool

    def one(self) -> Shard | None:
        """The shard to answer; ``None`` for all questions.

        Raises:
            UsageError: it is none, or the options do not go together.
        """
        from qatk.inference.predict import Shard

        given = {"--jobs": self.jobs, "--launcher": self.launcher, "--keep-running": self.keep or None}
        if self.shards is None and (alone := [name for name, value in given.items() if value is not None]):
            raise UsageError(f"{', '.join(alone)}: only with --shards", fix="name their number: --shards 4")
        if self.shard is None:
            return None
        if self.shards is not None:
            raise UsageError("--shards answers all parts, and --shard one of them", fix="leave one of the two out")
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", self.shard)
        if found is None or not 1 <= int(found[1]) <= int(found[2]):
            raise UsageError(f"{self.shard!r} is no shard", where="--shard", fix="write --shard K/N, such as 1/4")
        return Shard(int(found[1]), int(found[2]))

    def elsewhere(self, context: typer.Context, host: PluginHost) -> Elsewhere | None:
        """What has the shards answered; ``None`` where there are none."""
        from qatk.sweeps.shards import in_shards
        from qatk.sweeps.sweep import launched

        if self.shards is None:
            return None
        executor = launched(launcher_section(self.launcher), host, jobs=self.jobs, keep=self.keep)
        return in_shards(self.shards, ["predict", *_words(context)], executor)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Let a shard report to the command that started it, which has seen the data too."""
        from qatk.cli.progress import show_progress
        from qatk.sweeps.channel import reporting

        with reporting() as finished:
            if finished is None:
                with show_progress():
                    yield
            else:
                warnings.simplefilter("ignore", DataWarning)
                yield
                finished({})

    def interrupted(self) -> str:
        """What to do after Ctrl-C."""
        again = "the same command" if self.shards or self.shard else "the same command with --resume"
        return f"{again} goes on{' and follows the shards that still run' if self.keep else ''}"


def _words(context: typer.Context) -> list[str]:
    """The arguments and options of this call that are those of a shard, too."""
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if parameter.name in _OF_ALL or value in (None, False):
            continue
        if parameter.param_type_name == "argument":
            words = [str(value), *words] if parameter.name == "model" else [words[0], str(value), *words[1:]]
        elif value is True:
            words.append(parameter.opts[-1])
        else:
            several = value if isinstance(value, list | tuple) else [value]
            words += [word for each in several for word in (parameter.opts[-1], str(each))]
    return words
