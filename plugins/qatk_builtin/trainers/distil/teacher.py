"""A teacher: any model that :func:`qatk.load_model` takes, asked about the windows that the student learns from."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import torch

import qatk
from qatk.api import BackboneSpec, Examples, Features, QatkError, Tokenizer
from qatk_builtin.trainers.distil.soft_targets import SoftTargets, moved, soft_targets
from qatk_builtin.trainers.distil.store import digest


class Teacher:
    """A trained model that gives soft targets.

    Args:
        name: a run folder, a saved or exported model, or a checkpoint of the hub.
        device: of the student: on ``cpu`` the teacher computes there too, else on a GPU if there is one and the teacher
            is not exported.
        tokenizer, spec: the student's.

    Raises:
        QatkError: a subclass of it, where the model cannot be loaded.
    """

    def __init__(self, name: str, device: str, tokenizer: Tokenizer, spec: BackboneSpec) -> None:
        self.name = name
        try:
            self._model = qatk.load_model(name, device="cpu" if device == "cpu" else "auto")
        except QatkError as error:
            error.what = f"the teacher {name} cannot be loaded: {error.what}"
            raise
        theirs = self._model.spec
        forms = [(one.padding_side, one.null_id, one.has_type_ids) for one in (theirs, spec)]
        self._reads_alike = forms[0] == forms[1] and _written(self._model.tokenizer) == _written(tokenizer)

    def targets(self, examples: Examples, windows: Features) -> SoftTargets:
        """Its soft targets for the student's windows of these examples.

        A teacher with the student's tokenizer reads these very windows, if it takes as many tokens; another reads its
        own, and the characters of the context say which tokens match.
        """
        if self._reads(windows):
            return soft_targets(windows, self._model.opened.predict(windows), self.name)
        used, rows = np.unique(windows.example_index, return_inverse=True)
        few, model = examples.take(used), self._model
        theirs = model.parts.featurizer.featurize(few, model.tokenizer, model.spec, split="the teacher's windows")
        found = soft_targets(theirs, model.opened.predict(theirs), self.name)
        return moved(theirs, found, windows, rows.astype(np.int32))

    def identity(self, examples: Examples, windows: Features) -> str:
        """Changes with whatever its targets follow from: weights, head, windows and, where it reads its own, how."""
        head = _plain(self._model.sections.get("head", {}))
        parts = [*self._weights(), head, *(getattr(windows, name).tobytes() for name in _COLUMNS)]
        if not self._reads(windows):
            parts += [_plain(self._model.sections.get("featurizer", {})), examples.digest().encode()]
        return digest(parts)

    def _reads(self, windows: Features) -> bool:
        return self._reads_alike and int(windows.lengths.max(initial=0)) <= self._model.spec.max_length

    def _weights(self) -> Iterator[bytes]:
        """All weights of a torch module; of another model, a digest of its files."""
        if not isinstance(module := self._model.model, torch.nn.Module):
            yield self._model.weights.encode()
            return
        for name, value in sorted(module.state_dict().items()):
            yield name.encode()
            yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


_COLUMNS = ("example_index", "token_offsets", "input_ids", "type_ids", "char_start", "char_end", "null_index")


def _written(tokenizer: Tokenizer) -> object:
    """All that a tokenizer does, but for the padding and cutting that it was last asked for."""
    parts = json.loads(tokenizer.backend_tokenizer.to_str())
    return {name: value for name, value in parts.items() if name not in ("padding", "truncation")}


def _plain(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, default=str).encode()
