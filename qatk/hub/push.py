"""Publish a model on the hub: its files, its tokenizer, the run that made it, and a card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qatk.errors import ModelError, QatkError, UsageError
from qatk.exports.folder import is_export, read_export
from qatk.hub.card import About, model_card
from qatk.hub.published import of_run
from qatk.hub.refusals import check_repo, token_or_refuse, writing_errors
from qatk.inference.sources import CONFIG, PUBLISHED
from qatk.plugins.model_types import HEAD_WEIGHTS
from qatk.results import RunResult
from qatk.run_folder.copies import here
from qatk.run_folder.load import load_run
from qatk.run_folder.manifest import is_run
from qatk.run_folder.parameters import FILE as PARAMETERS
from qatk.spelling import spelled

CARD = "README.md"
_PLAIN = (".json", ".md", ".yaml", ".txt", ".jinja", ".py")
"""Endings of files that are looked through for the token."""
_OF_A_MODEL = re.compile(
    rf"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?|{HEAD_WEIGHTS}|{PARAMETERS}|{PUBLISHED}/.*"
)
"""Paths of what answers depend on, which a model may have or lack."""
_WHOLE = "ForQuestionAnswering"
"""Of the name of a class of transformers that has encoder and head."""


@dataclass(frozen=True)
class Package:
    """What would be published.

    Attributes:
        repo: where it goes.
        files: what stands for each path in the repository: a file, or text.
    """

    repo: str
    files: Mapping[str, Path | str]

    def sizes(self) -> dict[str, int]:
        """Bytes of each file."""
        return {
            name: len(content.encode()) if isinstance(content, str) else content.stat().st_size
            for name, content in self.files.items()
        }


@dataclass(frozen=True)
class Pushed:
    """What was published.

    Attributes:
        url: the model's page.
        commit: the id of the commit.
        private: whether only its owners see it; ``None`` of a repository that was there before.
        files: their sizes in bytes.
    """

    url: str
    commit: str
    private: bool | None
    files: Mapping[str, int]


def package(model: str | Path | RunResult, repo: str, about: About | None = None) -> Package:
    """What :func:`push` would publish; the hub is not asked.

    Args:
        model: a run (its folder, its URL or its result), or the folder of a saved model.
        repo: ``OWNER/NAME``.
        about: what the card says beside the run.

    Raises:
        UsageError: for another form of ``repo``; for a folder that is no model, or not in the form of transformers.
        RunFolderError: for an unfinished run.
    """
    check_repo(repo)
    place = Path(here(model))
    folder, run = _folders(place)
    files: dict[str, Path | str] = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    result: RunResult | None = None
    if run is not None and run == place:
        result = load_run(run, nbest=False)
        files |= {f"{PUBLISHED}/{name}": content for name, content in of_run(run).items()}
    if CARD in files and about not in (None, About()):
        raise UsageError(
            "the model has a card already", where=str(files[CARD]), fix="edit it, and leave out the options"
        )
    if CARD not in files:
        loads = _WHOLE in (folder / CONFIG).read_text("utf-8") and HEAD_WEIGHTS not in files
        files[CARD] = model_card(repo, result, about or About(), loads=loads)
    return Package(repo, dict(sorted(files.items())))


def _folders(model: Path) -> tuple[Path, Path | None]:
    """The folder of a model's files, and that of the run that trained it."""
    if not model.is_dir():
        what = f"{model} is a file, not the folder of a model" if model.is_file() else f"there is no folder {model}"
        raise ModelError(what, fix="name a run folder, or the folder of a saved model")
    has_run = is_run(model)
    folder = model / "model" if has_run else model
    if not (folder / CONFIG).is_file():
        lacks = f"has no {CONFIG}" if folder.is_dir() else "is missing"
        fix = "name a run folder, or the folder of a saved model"
        if has_run:
            fix = "a model that transformers cannot read stays a run folder: archive that"
        elif is_export(model):
            fix = f"publish the model that it was exported from, {read_export(model).model}"
        raise ModelError(f"{model} is no model that can be published: {folder} {lacks}", fix=fix)
    if has_run:
        return folder, model
    return folder, model / PUBLISHED if is_run(model / PUBLISHED) else None


def is_private(*, public: bool, update: bool) -> bool | None:
    """Whether a repository would be private; ``None`` of one that exists, whose visibility stays as it is.

    Raises:
        UsageError: one that exists is to be made public.
    """
    if public and update:
        raise UsageError(
            f"{spelled('public', True)} is only for a new repository", fix="change its visibility on its page"
        )
    return None if update else not public


def push(
    model: str | Path | RunResult, repo: str, *, public: bool = False, update: bool = False, about: About | None = None
) -> Pushed:
    """Publish a model on the hub, in a private repository unless told otherwise.

    The token is that of ``hf auth login`` or of ``HF_TOKEN``.

    Args:
        model: a run (its folder, its URL or its result), or the folder of a saved model.
        repo: ``OWNER/NAME``.
        public: whether everybody may see it.
        update: add a version to a repository that exists, whose visibility stays as it is. Weights and files of a run
            that this version lacks are deleted there: they would decide its answers.
        about: what the card says beside the run.

    Raises:
        UsageError: as :func:`package`; without a token; where the repository exists (without ``update``) or may not be
            written to.
        HubUnreachable: where the hub does not answer.
    """
    private = is_private(public=public, update=update)
    packed = package(model, repo, about)
    token = token_or_refuse()
    _refuse_token(packed, token)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard

    api = HfApi(token=token)
    with writing_errors(repo):
        if isinstance(card := packed.files[CARD], str):
            ModelCard(card).validate()
        if private is not None:
            api.create_repo(repo, private=private)
        there = api.list_repo_files(repo) if update else []
    gone = [name for name in there if _OF_A_MODEL.fullmatch(name) and name not in packed.files]
    changes: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationDelete(name) for name in gone),
        *(
            CommitOperationAdd(name, content.encode() if isinstance(content, str) else str(content))
            for name, content in packed.files.items()
        ),
    ]
    try:
        with writing_errors(repo):
            done = api.create_commit(repo, changes, commit_message="Publish with qatk")
    except QatkError as error:
        if not update:
            error.fix = (
                f"{error.fix or 'look at it'}; {repo} was created and is empty: go on with {spelled('update', True)}"
            )
        raise
    url = done.commit_url.partition("/commit/")[0]
    return Pushed(url, done.oid, private, packed.sizes())


def _refuse_token(packed: Package, token: str) -> None:
    """Raise where a file has the token in it."""
    for name, content in packed.files.items():
        if isinstance(content, str):
            held = token in content
        else:
            held = content.suffix in _PLAIN and token.encode() in content.read_bytes()
        if held:
            raise UsageError("this file holds your token, so nothing was published", where=name, fix="remove it there")
