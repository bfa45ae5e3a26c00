"""The ``exported`` backbone: windows for an exported model, without torch."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, cast

from transformers import PreTrainedTokenizerFast

from qatk.api import BackboneSpec, Examples, ModelError, Tokenizer
from qatk.files import first_line, parse_json
from qatk_builtin.backbones import ExportedOptions

_MANIFEST = "export.json"


class ExportedBackbone:
    """The tokenizer of an exported model and the form of its windows; its weights belong to a runtime."""

    def __init__(self, options: ExportedOptions) -> None:
        self.options = options
        self._folder = Path(options.model)

    def prepare(self, train: Examples | None) -> None:
        """Nothing to do."""

    def folder(self) -> Path:
        """Where it lies, with what its decoder fitted."""
        return self._folder

    def spec(self) -> BackboneSpec:
        """What ``export.json`` says. Raises :class:`ModelError` where it cannot be read."""
        file = self._folder / _MANIFEST
        try:
            content = parse_json(file.read_text("utf-8"), file)
            if not isinstance(content, dict):
                raise TypeError("export.json holds no object")
            return BackboneSpec(**content["spec"])
        except (OSError, TypeError, KeyError, ValueError) as error:
            what = f"this is no exported model: {error}"
            raise ModelError(what, where=str(self._folder), fix="qatk export makes one") from error

    def tokenizer(self) -> Tokenizer:
        """The tokenizer beside it. Raises :class:`ModelError` where there is none."""
        try:
            return cast("Tokenizer", PreTrainedTokenizerFast.from_pretrained(self._folder))
        except Exception as error:  # of a tokenizer.json that is damaged, tokenizers raises Exception itself
            what = f"the tokenizer cannot be loaded: {first_line(error)}"
            raise ModelError(what, where=str(self._folder), fix="export the model again") from error

    def encoder(self) -> NoReturn:
        """Raises :class:`ModelError`: an exported model is not trained further."""
        raise ModelError(
            f"{self.options.model} is exported, and cannot be trained", fix="name the model it was made of"
        )

    def head_state(self) -> NoReturn:
        """Raises :class:`ModelError`, as :meth:`encoder` does."""
        self.encoder()
