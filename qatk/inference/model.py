"""A model that answers questions, loaded from a run folder, a saved model or a checkpoint of the hub.

It uses the same featurizer, prediction and decoder as a run, so it answers a run's dev questions as the run did.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from qatk.arguments import list_of, whole
from qatk.calibration.calibrate import apply_threshold
from qatk.calibration.risk_control import KeptPromise
from qatk.data import pairs
from qatk.errors import ModelError, UsageError
from qatk.exports.folder import read_export
from qatk.exports.runtimes import PRECISION, OpenModel, open_exported, open_trained, runtime_section
from qatk.files import file_digest, folder_size
from qatk.inference.portions import predict_in_portions
from qatk.inference.promised import kept_promise, names_threshold, same_odds
from qatk.inference.reply import Reply, replies_of
from qatk.inference.samples import sample_for
from qatk.inference.sources import Source, changes_of, find_source, folder_of, with_device, with_runtime
from qatk.plugins.host import PluginHost
from qatk.plugins.live import LiveDecoder
from qatk.plugins.live_windows import LiveFeaturizer
from qatk.plugins.model_types import BackboneSpec
from qatk.plugins.protocols import Model, Tokenizer
from qatk.recipes.compose import ModelParts, Sections, compose_model, model_part
from qatk.recipes.sections import RETRIEVAL
from qatk.results import RunResult
from qatk.run_folder.copies import here
from qatk.run_folder.parameters import read_parameters
from qatk.types import Examples, Predictions


@dataclass(frozen=True, eq=False, repr=False)
class AnsweringModel:
    """A model with everything that determines its answers: windows, decoder, null threshold.

    Attributes:
        name: what it was loaded from.
        sections: the recipe's backbone, featurizer, head, trainer, runtime and decoder, and its ``passages`` if it has
            them; an exported model has neither head nor trainer.
        fitted: the null threshold that was fitted for new data, if the decoder's is ``calibrated``.
        host: the plugins.
        parts: the live components.
        model: of the trainer; ``None`` of an exported model.
        opened: the model as the runtime opened it, which predicts.
        tokenizer: of the backbone.
        spec: of the backbone.
        promise: the error rate that its threshold keeps, see ``qatk calibrate --at-most``.
        trained: the folder of weights that its run saved; ``None`` of other models.
        run: the folder with the calibration of its run; ``None`` of models without a run.
        among: how many of the best spans probabilities are among, if the decoder's list is longer; see :meth:`keeping`.
        gone: whether it cannot be loaded again: it was an object of the program.

    It is pickled by what it was loaded from, and loaded again by whoever reads that. Copies are the model itself.
    """

    name: str
    sections: Sections
    fitted: float | None
    host: PluginHost
    parts: ModelParts
    model: Model | None
    opened: OpenModel
    tokenizer: Tokenizer
    spec: BackboneSpec
    promise: KeptPromise | None = None
    trained: Path | None = None
    run: Path | None = None
    among: int | None = None
    gone: bool = False

    def __reduce__(self) -> tuple[object, ...]:
        further = {name: getattr(self, name) for name in ("fitted", "promise", "run", "among")}
        return _opened, (self._there().name, self.sections, self.trained, self.host), further

    def __deepcopy__(self, memo: object = None) -> AnsweringModel:
        return self

    __copy__ = __deepcopy__

    def _there(self) -> AnsweringModel:
        """Itself. Raises :class:`UsageError` where it cannot be loaded again."""
        if self.gone:
            fix = "write it and its tokenizer to a folder by save_pretrained, and name that folder instead"
            raise UsageError(f"{self.name} is an object of this program, so no other process can load it", fix=fix)
        return self

    def __repr__(self) -> str:
        return f"<AnsweringModel: {self.name}>"

    @property
    def threshold(self) -> float | None:
        """The null threshold in use: the promised one, else the fitted one, else ``None``: the decoder's own."""
        return self.fitted if self.promise is None else self.promise.threshold

    def predict(self, examples: Examples) -> Predictions:
        """Return the answers to all examples, which need no gold answers.

        Each context is tokenized once, and windows are made and scored as a stream: memory does not grow with their
        number.

        Raises:
            QatkError: a subclass of it, for everything that a user can correct.
        """
        predictions = predict_in_portions(self.parts, self.opened, self.tokenizer, self.spec, examples)
        return predictions if self.threshold is None else apply_threshold(examples, predictions, self.threshold)

    def answer(self, question: str, context: str, *, top_k: int = 5) -> Reply:
        """Return the answer to a question about a context of any length.

        Args:
            question: the question.
            context: the text to answer it from.
            top_k: the number of candidates to return.

        Raises:
            UsageError: if the question or the context is blank, or ``top_k`` is below 1.
        """
        return self.answers([question], [context], top_k=top_k)[0]

    def answers(self, questions: Iterable[str], contexts: Iterable[str], *, top_k: int = 5) -> list[Reply]:
        """Return the answers to many questions, each about its context; this is faster than one call per question.

        Equal contexts are tokenized once.

        Raises:
            UsageError: as in :meth:`answer`, with the number of the question, and for a text in place of a list.
        """
        kept = self.keeping(whole(top_k, "top_k", 1))
        fix = "answers takes lists; for one question use answer"
        questions, contexts = list_of(questions, "questions", fix), list_of(contexts, "contexts", fix)
        if not questions and not contexts:
            return []
        examples = pairs(questions, contexts)
        found = kept.predict(examples)
        return list(replies_of(examples, found, top_k=top_k, among=kept.among, promise=self.promise))

    def keeping(self, top_k: int) -> AnsweringModel:
        """The same model with an n-best list of at least ``top_k`` spans; probabilities stay what they are."""
        kept = self.parts.decoder.option("n_best_size", top_k)
        if top_k <= kept:
            return self
        return replace(self.changed(decoder={"n_best_size": top_k}), among=self.among or kept)

    def twin(self) -> AnsweringModel:
        """The same model for another thread: its weights are shared, its tokenizer, featurizer and decoder are new."""
        parts = compose_model(self._there().sections, self.host)
        tokenizer, spec = parts.backbone.prepare(None)
        _restore(parts)
        parts = replace(parts, head=self.parts.head, trainer=self.parts.trainer, runtime=self.parts.runtime)
        return replace(self, parts=parts, tokenizer=tokenizer, spec=spec)

    @property
    def described(self) -> Mapping[str, object]:
        """What is known of the model: ``parameters``, ``device``, ``precision``; less of a trainer that says less."""
        if self.parts.trainer is not None:
            return self.parts.trainer.describe(self.model) or {}
        manifest = read_export(Path(str(self.sections["backbone"]["model"])))
        return {**manifest.about, "device": "cpu", PRECISION: manifest.precision}

    @property
    def precision(self) -> str:
        """In which the runtime computes, such as ``fp32`` or ``int8``; ``""`` where neither it nor the trainer says."""
        return self.parts.runtime.option(PRECISION, "") or str(self.described.get(PRECISION, ""))

    @property
    def weights(self) -> str:
        """Identifies the weights: a digest of the files of their folder, wherever it lies; else the model's name."""
        folder = self.trained or Path(self.name)
        if self.gone or not folder.is_dir():
            return self.name
        files = sorted(file for file in folder.iterdir() if file.is_file())
        return hashlib.sha256("".join(f"{file.name} {file_digest(file)}\n" for file in files).encode()).hexdigest()

    @property
    def model_bytes(self) -> int | None:
        """The size of the model's folder, tokenizer included, of a model of the hub as far as it was fetched."""
        folder = self.trained or folder_of(self.parts.backbone)
        return self.opened.exported_bytes or (folder_size(folder) if folder and folder.is_dir() else None)

    def changed(
        self, *, featurizer: Mapping[str, object] | None = None, decoder: Mapping[str, object] | None = None
    ) -> AnsweringModel:
        """The same weights with other options of featurizer and decoder.

        Raises:
            UsageError: if a component has no such option, does not accept the value, or nothing was calibrated.
        """
        if not featurizer and not decoder:
            return self
        sections, parts = dict(self.sections), self.parts
        if featurizer:
            sections["featurizer"] = {**sections["featurizer"], **featurizer}
            parts = replace(parts, featurizer=model_part(LiveFeaturizer, "featurizer", sections, self.host))
        if decoder:
            sections["decoder"] = {**sections["decoder"], **decoder}
            parts = replace(parts, decoder=model_part(LiveDecoder, "decoder", sections, self.host))
            _restore(parts)
        promise = None if names_threshold(decoder) or not same_odds(self.parts, parts) else self.promise
        fitted = self.fitted if parts.decoder.calibrated else None
        if parts.decoder.calibrated and not self.parts.decoder.calibrated:
            fitted = Source(sections, self.run).fitted_threshold()
        return replace(self, sections=sections, parts=parts, fitted=fitted, promise=promise)


def load_model(
    model: str | Path | RunResult,
    *,
    device: str | None = None,
    settings: Sections | Iterable[str] | None = None,
    runtime: str | None = None,
    host: PluginHost | None = None,
) -> AnsweringModel:
    """Load a model that answers questions.

    Args:
        model: a run folder, its URL, or the result of the run; the folder of a saved or an exported model; the hub id
            of a question-answering checkpoint; or ``package:NAME/sub/path``. Windows, decoder and null threshold are
            those of the run; for a model that qatk did not train, they are the defaults of a recipe.
        device: as in the trainer's option, such as ``cpu`` or ``cuda``; an exported model takes ``cpu`` and ``auto``.
        settings: options by section, such as ``{"decoder": {"max_answer_length": 50}}``, or ``KEY=VALUE`` texts such as
            ``["decoder.max_answer_length=50"]``. ``passages`` replaces the run's: ``{"passages": {"use": "bm25",
            "keep": 8}}`` scores the best windows only, ``{}`` all windows.
        runtime: what predicts, ``NAME`` or ``NAME:PRECISION``, such as ``onnx:int8``; by default that of the run or of
            the export, else the trainer itself.
        host: the plugins to use.

    Raises:
        ModelError: if the model does not exist, has no question-answering head, or cannot be used by the runtime.
        RunFolderError: if the run is unfinished, or needs a plugin that is not installed.
        UsageError: if an option is unknown.
    """
    host = host or PluginHost.discover()
    model = here(model)
    changes = changes_of(settings or {})
    source = find_source(model, host, changes.get("backbone", {}).get("revision"))
    sections = source.sections if device is None else with_device(source.sections, device)
    known = [*(name for name in sections if name != RETRIEVAL), RETRIEVAL]
    if unknown := [name for name in changes if name not in known]:
        raise UsageError(f"a model has no section {unknown[0]!r}", fix=f"known: {', '.join(known)}")
    passages = changes.get(RETRIEVAL, sections.get(RETRIEVAL, {}))
    sections = {name: {**options, **changes.get(name, {})} for name, options in sections.items() if name != RETRIEVAL}
    sections |= {RETRIEVAL: passages} if passages else {}
    if runtime is not None:
        sections = with_runtime(sections, runtime_section(runtime), host)
    own_windows = source.run is not None or "max_length" in changes.get("featurizer", {})
    found = _opened(str(model), sections, source.weights, host, fit=not own_windows)
    fitted = source.fitted_threshold() if found.parts.decoder.calibrated else None
    promise = kept_promise(source, changes, found.parts, found.precision, host)
    return replace(found, fitted=fitted, promise=promise, run=source.run)


def _opened(
    name: str, sections: Sections, weights: Path | None, host: PluginHost, *, fit: bool = False
) -> AnsweringModel:
    """The model of these sections; ``fit`` makes windows shorter where it takes no longer ones."""
    parts = compose_model(sections, host)
    tokenizer, spec = parts.backbone.prepare(None)
    if fit and (shorter := parts.featurizer.fitted(spec.max_length)):
        sections = {**sections, "featurizer": {**sections["featurizer"], **shorter}}
        parts = replace(parts, featurizer=model_part(LiveFeaturizer, "featurizer", sections, host))
    if parts.trainer is None:
        loaded, opened = None, open_exported(parts.runtime, Path(name), spec)
    else:
        loaded = _assembled(parts, weights, name)
        windows = partial(parts.featurizer.featurize, split="prediction")
        opened = open_trained(
            parts.runtime, parts.trainer, loaded, lambda to: (spec, windows(sample_for(to), tokenizer, spec)), host
        )
    _restore(parts)
    return AnsweringModel(name, sections, None, host, parts, loaded, opened, tokenizer, spec, trained=weights)


def _assembled(parts: ModelParts, weights: Path | None, name: str) -> Model:
    """The trainer's model with its weights. Raises :class:`ModelError` where it has none for its head."""
    assert parts.trainer is not None
    assert parts.head is not None
    loaded = parts.trainer.assemble(parts.backbone, parts.head, seed=0)
    if weights is not None:
        parts.trainer.load(loaded, weights)
    elif (parts.trainer.describe(loaded) or {}).get("head") == "untrained":
        raise ModelError(
            f"{name} has no weights of a question-answering head, so its answers would be random",
            fix="name a question-answering checkpoint, or train one: qatk run RECIPE with it as the backbone",
        )
    return loaded


def _restore(parts: ModelParts) -> None:
    """Give a decoder what it fitted in the run that the model is of."""
    folder = folder_of(parts.backbone)
    if folder is not None and (known := read_parameters(str(folder), parts.decoder)) is not None:
        parts.decoder.restore(known)
