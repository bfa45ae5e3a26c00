"""Where a model lies: a folder, an installed package, or the hub; always a local folder in the end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from huggingface_hub import snapshot_download

from qatk.api import HEAD_WEIGHTS, ModelError
from qatk.files import hub_errors, is_there

SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
"""Files that describe a model: configuration and tokenizer."""
WEIGHTS = ("model.safetensors", "model-*.safetensors")
"""Files of the encoder's weights; a head may lie beside them."""
CODE = ("*.py",)


class ModelSource:
    """A model by the name that a recipe gives it.

    Args:
        name: a hub id, a folder, or ``package:NAME/sub/path``.
        revision: for a hub id, the branch, tag or commit.
        code: whether Python files come along.
    """

    def __init__(self, name: str, revision: str | None, *, code: bool) -> None:
        self.name, self._revision, self._code = name, revision, code

    def folder(self, patterns: Sequence[str]) -> Path:
        """The folder, with at least the files that match ``patterns`` (of those that the model has).

        Raises:
            ModelError: there is no such model.
            HubUnreachable: the hub did not answer, or may not be asked, and the cache lacks the model.
        """
        if self._local is not None:
            return self._local
        folder = self._download([*patterns, *(CODE if self._code else ())])
        self._revision = folder.name  # the commit: what is fetched next belongs to what was fetched first
        return folder

    def folder_with_weights(self) -> Path:
        """The folder with its weights. Raises also :class:`ModelError` where there are none in safetensors."""
        folder = self.folder([*SETTINGS, *WEIGHTS, HEAD_WEIGHTS])
        if not any(found for pattern in WEIGHTS for found in folder.glob(pattern)):
            pickled = any(folder.glob("*.bin"))
            found = "only .bin, which can run code when it is read" if pickled else "none"
            raise ModelError(
                f"{self.name} has no weights in safetensors ({found})",
                where=str(folder),
                fix="convert them: load the model with transformers where you trust it, then save_pretrained",
            )
        return folder

    @cached_property
    def _local(self) -> Path | None:
        """The folder, where the name says one; ``None`` for a hub id."""
        if self.name.startswith("package:"):
            return self._packaged(self.name.removeprefix("package:"))
        path = Path(self.name).expanduser()
        if is_there(path):
            if path.is_dir():
                return path
            raise ModelError(f"{self.name} is a file, not the folder of a model", fix="name the folder that it is in")
        if self.name.startswith((".", "/", "~")) or "\\" in self.name or self.name.count("/") > 1:
            raise ModelError(f"there is no folder {self.name}", fix="name a folder, a hub id, or package:NAME/sub/path")
        return None

    def _packaged(self, place: str) -> Path:
        """A folder inside an installed package, which is found but not imported."""
        package, _, inner = place.partition("/")
        if not package.isidentifier():
            raise ModelError(f"{self.name!r} names no Python package", fix="such as package:NAME/sub/path")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModelError(
                f"the Python package {package!r} of {self.name} is not installed",
                fix=f"pip install {package.replace('_', '-')}, or name a folder or hub id",
            )
        root = Path(spec.submodule_search_locations[0])
        if not (root / inner).is_dir():
            raise ModelError(f"the Python package {package!r} has no folder {inner!r}", where=str(root))
        return root / inner

    def _download(self, patterns: list[str]) -> Path:
        with hub_errors("model", self.name, self._revision, ModelError, "a folder or package:NAME/sub/path"):
            return Path(snapshot_download(self.name, revision=self._revision, allow_patterns=patterns))
