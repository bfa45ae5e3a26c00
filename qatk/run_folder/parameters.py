"""What a decoder fitted, as it is kept in a run folder and with its model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qatk.files import is_there, write_json
from qatk.plugins.live import LiveDecoder
from qatk.plugins.protocols import Plain
from qatk.run_folder.reading import read_part, unreadable

FILE = "decoder.json"


@dataclass(frozen=True)
class Parameters:
    """What a decoder fitted, as plain values.

    Attributes:
        whole: on all questions, for data to come.
        halves: on one half of the articles and on the other; either answered the other's questions. Empty where the
            parameters came from an earlier run.
    """

    whole: Plain
    halves: Sequence[Plain] = ()

    def write(self, folder: Path, decoder: LiveDecoder) -> None:
        """Keep them in a run folder, and with its model where it has one. Raises :class:`StorageError`."""
        record = {"decoder": decoder.registered.name, "whole": self.whole, "halves": list(self.halves)}
        for place in (folder, *([folder / "model"] if is_there(folder / "model") else [])):
            write_json(place / FILE, record)


def read_parameters(model: object, decoder: LiveDecoder) -> Plain | None:
    """What this decoder fitted in the run whose model's folder this is; ``None`` where it did not, or is no folder.

    Raises:
        RunFolderError: where the file there is not as qatk wrote it.
    """
    if not isinstance(model, str) or not decoder.fitted or not is_there(path := Path(model) / FILE):
        return None
    record = read_part(path)
    if not isinstance(record, dict) or not {"decoder", "whole"} <= set(record):
        raise unreadable(path, "an object with 'decoder' and 'whole' is due")
    return record["whole"] if record["decoder"] == decoder.registered.name else None
