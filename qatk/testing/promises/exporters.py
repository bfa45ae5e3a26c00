"""Promises of exporters: see :class:`qatk.api.Exporter`. Exports a small model, which takes some seconds."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from qatk.testing.inputs.folders import visitors_in
from qatk.testing.inputs.snapshots import unchanged
from qatk.testing.promise import Subject, expect, given, promise


@promise(
    "it writes files into the folder alone, says plain values about them, and leaves model and windows as they were"
)
def writes_the_model(subject: Subject) -> None:
    """What it says goes into ``export.json``; the folder becomes the exported model."""
    from qatk.testing.inputs.graphs import SPEC, Small, small_features

    module, sample = Small().eval(), small_features()
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    with given("a small model"), unchanged(sample), TemporaryDirectory() as folder, visitors_in() as strangers:
        said = subject.build().export(module, SPEC, sample, Path(folder))
        expect(any(Path(folder).iterdir()), "the folder is empty")
        json.dumps(dict(said), allow_nan=False)
    expect(not strangers, f"it wrote {', '.join(strangers)} into the working directory")
    kept = all(bool((value == weights[name]).all()) for name, value in module.state_dict().items())
    expect(kept and not module.training, "the model changed")
