"""The model of a pipeline, by what transformers calls its device and its type of numbers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors import SafetensorError

from qatk.errors import QatkError, StorageError, UsageError, first_line
from qatk.exports.folder import is_export
from qatk.inference.model import AnsweringModel, load_model
from qatk.results import RunResult
from qatk.run_folder.copies import here
from qatk.run_folder.manifest import is_run


def loaded_model(
    model: object,
    tokenizer: object,
    device: str | None,
    dtype: object,
    runtime: str | None = None,
    source: Mapping[str, object] | None = None,
) -> AnsweringModel:
    """A model by name, or one of transformers that a program holds, which is written and read back."""
    model = here(model) if isinstance(model, RunResult) else model
    settings: dict[str, dict[str, object]] = {"trainer": {"precision": _precision(dtype or "float32")}}
    if isinstance(model, str | Path) and (tokenizer is None or isinstance(tokenizer, str | Path)):
        local, told = here(model), dict(source or {})
        if tokenizer is not None and str(tokenizer) != str(model):
            told["tokenizer"] = str(tokenizer)
        if dtype is not None and is_export(local):
            fix = "leave dtype out, or export the model again with that precision"
            raise UsageError("the precision of an exported model is fixed", where=f"dtype={dtype!r}", fix=fix)
        if dtype is None and (is_run(local) or is_export(local)):
            settings = {}
        settings |= {"backbone": told} if told else {}
        return load_model(local, device=device, settings=settings, runtime=runtime)
    if isinstance(model, str | Path) or not hasattr(model, "save_pretrained"):
        raise ValueError("give the names of model and tokenizer, or a model and a tokenizer of transformers")
    if not hasattr(tokenizer, "save_pretrained"):
        raise ValueError("a model of transformers needs its tokenizer: tokenizer=...")
    name = str(getattr(model, "name_or_path", "") or type(model).__name__)
    try:
        with TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            with _called(name, folder):
                loaded = load_model(folder, device=device, settings=settings, runtime=runtime)
    except (OSError, SafetensorError) as error:
        what = f"{name} is written to a temporary folder and read back, and it cannot be written: {first_line(error)}"
        fix = "set TMPDIR to a folder with room for it, or call qatk.pipeline with the folder or hub id of the model"
        raise StorageError(what, fix=fix) from error
    return replace(loaded, name=name, spec=replace(loaded.spec, name=name), gone=True)


@contextmanager
def _called(name: str, folder: str) -> Iterator[None]:
    """Errors call a model by its own name, not by the folder that it is read from."""
    try:
        yield
    except QatkError as error:
        error.what = error.what.replace(folder, name)
        error.where, error.fix = (text and text.replace(folder, name) for text in (error.where, error.fix))
        raise


def _precision(dtype: object) -> str:
    """The trainer's name of a type of numbers."""
    name = str(dtype).removeprefix("torch.")
    return {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "half": "fp16"}.get(name, name)


def device_name(device: object) -> str | None:
    """The trainer's name of a device."""
    if device is None or (isinstance(device, str) and ":" not in device):
        return device
    name, _, number = str(device).partition(":")
    if isinstance(device, int):
        name, number = ("cpu", "") if device < 0 else ("cuda", str(device))
    if number not in ("", "0"):
        warnings.warn(f"device {device}: the first GPU that CUDA_VISIBLE_DEVICES shows is taken", stacklevel=4)
    return name
