"""The run folder: the manifest says what is there, and a killed run leaves nothing half-written.

Layout: ``manifest.json``, ``recipe.yaml``, ``metrics.json``, ``predictions.json``, ``null_odds.json``,
``examples.parquet``, ``events.jsonl``, ``checkpoints/``, ``model/``; and ``sets/NAME/`` with the metrics, predictions,
null odds and table of each evaluation set beside ``dev``.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from qatk.errors import RunFolderError, StorageError
from qatk.files import discard, is_there, storage_errors
from qatk.run_folder.checkpoints import STATES
from qatk.run_folder.lock import LOCK
from qatk.run_folder.manifest import (
    MANIFEST,
    Identity,
    Manifest,
    StageRecord,
    how_it_ended,
    read_manifest,
    worth_keeping,
    write_manifest,
)
from qatk.run_folder.remote import Mirror
from qatk.spelling import spelled

SETS = "sets"
"""The folder of the evaluation sets beside ``dev``, one folder each."""
Differing = Callable[[Mapping[str, object]], Sequence[str]]


class RunFolder:
    """One run's folder and its manifest.

    Attributes:
        path: the folder.
        manifest: what it says of itself; :meth:`update` changes it, :meth:`save` writes it.
        mirror: sends it to its URL, if it has one.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self.mirror: Mirror | None = None
        self._stage: tuple[str, float] | None = None

    @classmethod
    def open(cls, path: Path, identity: Identity, *, resume: bool, differing: Differing | None = None) -> RunFolder:
        """Take a folder for a run.

        Args:
            path: the folder; :meth:`save` makes it where it is not there.
            identity: what makes two runs the same (recipe digest, limit, version of the form).
            resume: go on with the run that the folder holds.
            differing: says in what the recipe that a folder holds computes something else than this run's. Where it
                finds nothing, they are the same run, whatever their digests; without it, the digests decide.

        Raises:
            RunFolderError: for a folder that holds another run, something else, or a run without ``resume``; one that
                came to nothing yet is taken over.
        """
        if is_there(path) and not path.is_dir():
            raise RunFolderError(f"{path} is a file", fix=f"name a folder with {spelled('out')}")
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            if worth_keeping(path, manifest):
                return cls._reopen(path, manifest, identity, resume, differing)
            cls(path, manifest)._mend()
            (path / "events.jsonl").unlink(missing_ok=True)
        elif path.exists():
            found = [inner for inner in path.iterdir() if inner.name != LOCK]
            if not all(map(_half_written, found)):
                raise RunFolderError(
                    f"{path} holds something that is not a run", fix=f"name another folder with {spelled('out')}"
                )
            for inner in found:
                discard(inner)
        return cls(path, Manifest(identity=identity, id=uuid4().hex))

    @classmethod
    def refuse(cls, path: Path, identity: Identity, *, resume: bool, differing: Differing | None = None) -> None:
        """Raise what :meth:`open` will of a folder with another or a finished run, whose manifest says so at once."""
        if is_there(path / LOCK) or not is_there(path / MANIFEST):  # what was left is told under the lock
            return
        if worth_keeping(path, manifest := read_manifest(path)):
            cls._refuse(path, manifest, identity, resume or not manifest.finished, differing)

    @classmethod
    def _reopen(
        cls, path: Path, manifest: Manifest, identity: Identity, resume: bool, differing: Differing | None
    ) -> RunFolder:
        cls._refuse(path, manifest, identity, resume, differing)
        folder = cls(path, manifest.model_copy(update={"ended": None}))
        folder._mend()
        return folder

    @staticmethod
    def _refuse(path: Path, manifest: Manifest, identity: Identity, resume: bool, differing: Differing | None) -> None:
        held, wanted = dict(manifest.identity), dict(identity)
        keys, said = {key for key in wanted if wanted[key] != held[key]}, list[str]()
        if "recipe" in keys and differing is not None and not (said := [*differing(manifest.recipe)]):
            keys.remove("recipe")
        if keys:
            said += [f"limit {held['limit'] or 'none'}, now {wanted['limit'] or 'none'}"] if "limit" in keys else []
            what = f"{path} holds another run: its {', '.join(sorted(keys))} differ{'s' * (len(keys) == 1)}"
            what += f" ({'; '.join(said)})" if said else ""
            raise RunFolderError(what, fix=f"name another folder with {spelled('out')}, or remove this one")
        if not resume:
            state = "this run, finished" if manifest.finished else "this run, unfinished"
            todo = f"see qatk report {path}" if manifest.finished else f"continue it with {spelled('resume', True)}"
            raise RunFolderError(
                f"{path} already holds {state}", fix=f"{todo}, or choose another folder with {spelled('out')}"
            )

    def _mend(self) -> None:
        """Undo what a killed process left between two renames."""
        for old in self.path.rglob(".*.old"):
            target = old.with_name(old.name[1 : -len(".old")])
            if target.exists():
                discard(old)
            else:
                old.replace(target)
        for left in [*self.path.rglob(".*.new"), *self.path.rglob(".*.tmp")]:
            discard(left)

    def done(self, stage: str) -> bool:
        """Whether a stage was completed."""
        return stage in self.manifest.stages

    def update(self, **changes: object) -> None:
        """Change fields of the manifest."""
        self.manifest = self.manifest.model_copy(update=changes)

    def begin(self, stage: str) -> float:
        """When a stage began, by :func:`time.perf_counter`; earlier, if executions that ended worked at it already."""
        began = time.perf_counter() - self.manifest.spent.get(stage, 0.0)
        self._stage = (stage, began)
        return began

    def complete(self, stage: str, record: StageRecord) -> None:
        """Note a stage as completed, and save the manifest."""
        self._stage = None
        spent = {name: seconds for name, seconds in self.manifest.spent.items() if name != stage}
        self.update(stages={**self.manifest.stages, stage: record}, spent=spent)
        self.save()

    @contextmanager
    def noting_the_end(self) -> Iterator[None]:
        """Note in the manifest how the block ends, where it does not finish the run: commands tell it later.

        A run that came to no manifest yet stays without one; a disk that refuses changes nothing of what is raised, nor
        does a process that has taken the run of a URL over.
        """
        try:
            yield
        except BaseException as error:
            if (self.path / MANIFEST).exists() and not self.done("score"):
                self.update(ended=how_it_ended(error))
                with suppress(StorageError, RunFolderError):
                    self.save()
            raise

    def save(self) -> None:
        """Write the manifest; the first time, make the folder."""
        with storage_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        if self._stage is not None and not self.done(self._stage[0]):  # one that is done is only made again
            stage, began = self._stage
            self.update(spent={**self.manifest.spent, stage: time.perf_counter() - began})
        write_manifest(self.path, self.manifest)
        self.send()

    def send(self, *, final: bool = False) -> None:
        """Send what changed to the URL of the run, if it has one; see :meth:`Mirror.send`."""
        if self.mirror is not None:
            self.mirror.send(final=final)

    def __truediv__(self, name: str) -> Path:
        return self.path / name


def _half_written(path: Path) -> bool:
    """Whether a process that was killed left it: the only thing in a folder whose manifest was being written."""
    return re.fullmatch(r"\.[0-9a-f]{32}\.tmp", path.name) is not None


def is_first_process() -> bool:
    """Whether this process is the only one, or the first of several."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def follow(path: Path, identity: Identity) -> Iterator[RunFolder]:
    """A scratch copy of the run folder ``path``, gone when the block ends; of a finished run, itself, only read."""
    if (path / MANIFEST).exists() and (manifest := read_manifest(path)).finished:
        yield RunFolder(path, manifest)
        return
    with tempfile.TemporaryDirectory(prefix="qatk-follower-") as scratch:
        manifest = Manifest(identity=identity)
        if (path / MANIFEST).exists():
            manifest = read_manifest(path)
            for name in (STATES, "model"):
                if (path / name).exists():
                    # the first process removes these meanwhile
                    half_written = shutil.ignore_patterns(".*.new", ".*.tmp")
                    shutil.copytree(path / name, Path(scratch) / name, ignore=half_written)
        folder = RunFolder(Path(scratch), manifest)
        folder._mend()
        yield folder
