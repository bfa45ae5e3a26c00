"""Fetch a published model into a folder."""

from __future__ import annotations

from pathlib import Path

from qatk.errors import ModelError, UsageError
from qatk.files import discard, expanded, hub_errors, replacing
from qatk.hub.refusals import check_repo
from qatk.inference.sources import CONFIG
from qatk.spelling import spelled


def pull(repo: str, out: str | Path | None = None, *, revision: str | None = None) -> Path:
    """Fetch a model of the hub into a folder, which is there whole or not at all.

    Args:
        repo: ``OWNER/NAME``.
        out: the folder, which must not exist; by default ``NAME``.
        revision: a branch, tag or commit.

    Raises:
        UsageError: for another form of ``repo``, or where the folder exists.
        ModelError: where the hub has no such model, or what it has is none.
        HubUnreachable: where the hub does not answer.
        StorageError: where the disk refuses.
    """
    check_repo(repo)
    folder = Path(expanded(out or repo.rpartition("/")[2]))
    if folder.exists() or folder.is_symlink():
        raise UsageError(
            f"{folder} exists already", fix=f"name another folder with {spelled('out')}, or remove this one"
        )
    from huggingface_hub import snapshot_download

    with replacing(folder) as new:
        with hub_errors("model", repo, revision, ModelError, "a folder"):
            snapshot_download(repo, revision=revision, local_dir=new)
        discard(new / ".cache")
        if not (new / CONFIG).is_file():
            raise ModelError(f"{repo} is no model: it has no {CONFIG}")
    return folder
