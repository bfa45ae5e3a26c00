"""The ``hf`` backbone: any encoder of transformers, from the hub, a folder or an installed package."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoTokenizer, PretrainedConfig
from transformers.utils import logging

from qatk.api import HEAD_WEIGHTS, BackboneSpec, Examples, ModelError, Tokenizer
from qatk.files import first_line
from qatk_builtin.backbones import HfOptions
from qatk_builtin.backbones.kinds import bare_class, end_with_null, looks_back, null_id_of
from qatk_builtin.backbones.model_source import SETTINGS, ModelSource
from qatk_builtin.backbones.qa_class import beside_encoder, factory_for, head_of, span_layers

_UNFIT = (OSError, ValueError, KeyError, ImportError, RuntimeError, AttributeError, TypeError, SafetensorError)
_BY_LAYER = ("layer_types", "attention_window")
"""Settings with a value for each layer."""
_NO_LIMIT = 1_000_000  # a tokenizer without a limit says 10**30


class HfBackbone:
    """A pretrained encoder with its tokenizer, and the head's weights where it is a question-answering checkpoint."""

    def __init__(self, options: HfOptions) -> None:
        self.options = options
        self._source = ModelSource(options.model, options.revision, code=options.trust_remote_code)
        other = options.tokenizer
        self._tokenizer_source = (
            self._source if other is None else ModelSource(other, None, code=options.trust_remote_code)
        )

    def prepare(self, train: Examples | None) -> None:
        """Nothing to do."""

    def spec(self) -> BackboneSpec:
        """What the other parts must know, from configuration and tokenizer alone.

        Raises:
            ModelError: the model is not there, has no fast tokenizer, or lacks what qatk needs.
            HubUnreachable: the hub did not answer.
        """
        tokenizer = self.tokenizer()
        if (null_id := null_id_of(tokenizer, self._config)) is None:
            raise self._refusal("has no CLS, BOS or EOS token, so nothing can stand for 'no answer'")
        return BackboneSpec(
            name=self.options.model,
            hidden_size=self._config.hidden_size,
            max_length=self._max_length(),
            padding_side=tokenizer.padding_side,
            pad_id=tokenizer.pad_token_id or 0,
            null_id=null_id,
            has_type_ids=self._has_type_ids(),
            span_layers=self._span_layers,
        )

    def folder(self) -> Path:
        """Where the files that describe the model are. Raises as :meth:`spec`."""
        return self._source.folder(SETTINGS)

    def tokenizer(self) -> Tokenizer:
        """The model's fast tokenizer. Raises :class:`ModelError` where it has none."""
        return self._tokenizer

    def encoder(self) -> nn.Module:
        """The pretrained encoder in float32, without a pooler where the architecture answers questions without one."""
        return self._loaded[0]

    def head_state(self) -> Mapping[str, Tensor]:
        """What a question-answering checkpoint holds beside the encoder, under its names; empty of other checkpoints.

        That of ``head.safetensors`` where the checkpoint has such a file, as models that qatk saved may.
        """
        return self._loaded[1]

    @cached_property
    def _config(self) -> PretrainedConfig:
        folder = self._source.folder(SETTINGS)
        if not (folder / "config.json").is_file():
            fix = "name a run folder, the folder of a model in the form of transformers, or a hub id"
            raise self._refusal("is not a model: it has no config.json", fix)
        with self._explained("the configuration"):
            config: PretrainedConfig = AutoConfig.from_pretrained(
                folder, trust_remote_code=self.options.trust_remote_code
            )
        self._set_dropout(config)
        self._set_layers(config)
        config.num_labels = 2  # start and end; a checkpoint for another task may have another number
        return config

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        config, folder = self._config, self._tokenizer_source.folder(SETTINGS)
        with self._explained("the tokenizer"), _quiet():
            tokenizer = AutoTokenizer.from_pretrained(
                folder, config=config, trust_remote_code=self.options.trust_remote_code
            )
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"the tokenizer of {self.options.model} is {type(tokenizer).__name__}, which is not a fast one: "
                "it does not say which characters a token covers",
                fix="choose a model with a tokenizer.json",
            )
        if len(tokenizer) <= len(tokenizer.all_special_ids):  # what transformers makes out of no files
            raise self._refusal("has no tokenizer", fix="save the tokenizer beside the weights: a tokenizer.json")
        if looks_back(config):
            end_with_null(tokenizer, self.options.model)
        return cast("Tokenizer", tokenizer)

    @cached_property
    def _skeleton(self) -> nn.Module:
        """The encoder without weights: what it looks like and what its forward takes."""
        with self._explained("the architecture"), torch.device("meta"):
            model: nn.Module = bare_class(self._config).from_config(
                self._config, trust_remote_code=self.options.trust_remote_code
            )
        return model

    @cached_property
    def _span_layers(self) -> Callable[[], nn.Module] | None:
        with self._explained("the architecture"):
            return span_layers(self._config)

    @cached_property
    def _loaded(self) -> tuple[nn.Module, dict[str, Tensor]]:
        folder = self._source.folder_with_weights()
        factory = factory_for(self._config, code=self.options.trust_remote_code)
        with self._explained("the weights"), _quiet():
            model, info = factory.from_pretrained(
                folder,
                config=self._config,
                use_safetensors=True,
                dtype=torch.float32,
                trust_remote_code=self.options.trust_remote_code,
                ignore_mismatched_sizes=True,  # of heads for other tasks; the encoder's are refused below
                output_loading_info=True,
            )
            _hold(model)
        encoder: nn.Module = model.base_model
        absent = {*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])}
        self._check_complete(absent & (model.state_dict().keys() - beside_encoder(model).keys()))
        if (folder / HEAD_WEIGHTS).exists():
            with self._explained("the head's weights"):
                return encoder, {name: value.clone() for name, value in load_file(folder / HEAD_WEIGHTS).items()}
        return encoder, head_of(model, absent, info["unexpected_keys"], folder)

    def _check_complete(self, absent: Collection[str]) -> None:
        """Refuse weights that leave parts of the encoder untrained; an unused pooler may be absent."""
        if lacking := sorted(name for name in absent if "pooler" not in name):
            shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise self._refusal(f"lacks {len(lacking)} of its encoder's weights, or has them in another shape: {shown}")

    def _has_type_ids(self) -> bool:
        """Whether the forward takes type ids, the tokenizer makes them, and the model tells them apart."""
        return (
            "token_type_ids" in inspect.signature(self._skeleton.forward).parameters
            and "token_type_ids" in self._tokenizer.model_input_names
            and getattr(self._config, "type_vocab_size", 2) > 1
        )

    def _max_length(self) -> int:
        """The least of what the positions, the tokenizer and the option allow."""
        table, wanted = _position_table(self._skeleton), self.options.max_length
        if wanted is not None:
            if table is not None and wanted > table:
                raise self._refusal(f"has positions for {table} tokens, so max_length cannot be {wanted}")
            return wanted
        said = [table or getattr(self._config, "max_position_embeddings", None), self._tokenizer.model_max_length]
        limits = [int(limit) for limit in said if limit is not None and 0 < limit < _NO_LIMIT]
        if not limits:
            raise self._refusal("does not say how many tokens it takes", fix="set the backbone's max_length")
        return min(limits)

    def _set_dropout(self, config: PretrainedConfig) -> None:
        """Write the options' rates into the configuration, under this architecture's names."""
        o = self.options
        known = [n for n in config.to_dict() if ("dropout" in n or n.endswith("pdrop")) and "classif" not in n]
        attention = {n: o.dropout if o.attention_dropout is None else o.attention_dropout for n in known if "att" in n}
        rates = {n: o.dropout for n in known if n not in attention} | attention
        if (o.dropout is not None and not rates) or (o.attention_dropout is not None and not attention):
            what = "dropout" if o.attention_dropout is None else "attention_dropout"
            raise self._refusal(f"has no {what} to set", fix=f"leave out the backbone's {what}")
        for name, rate in rates.items():
            if rate is not None:
                setattr(config, name, rate)

    def _set_layers(self, config: PretrainedConfig) -> None:
        if (layers := self.options.layers) is not None:
            has = getattr(config, "num_hidden_layers", 0)
            if layers > has:
                raise self._refusal(f"has {has} layers, so layers cannot be {layers}")
            try:
                config.num_hidden_layers = layers
            except NotImplementedError as error:  # Funnel counts blocks
                fix = "leave out the backbone's layers"
                raise self._refusal("does not let its number of layers be set", fix) from error
            for name in _BY_LAYER:
                if isinstance(values := getattr(config, name, None), list):
                    setattr(config, name, values[:layers])

    def _refusal(self, what: str, fix: str | None = None) -> ModelError:
        return ModelError(f"{self.options.model} {what}", fix=fix)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn what transformers raises for an unfit model into a :class:`ModelError` that says what was read."""
        try:
            yield
        except _UNFIT as error:
            raise ModelError(f"{what} of {self.options.model} cannot be loaded: {first_line(error)}") from error


def _hold(model: nn.Module) -> None:
    """Copy the weights, one after the other, out of the files that safetensors maps.

    A mapped file that is written anew changes the weights, and one that becomes shorter ends the process (SIGBUS).
    """
    for tensor in chain(model.parameters(), model.buffers()):
        tensor.data = tensor.data.clone()


def _position_table(encoder: nn.Module) -> int | None:
    """How many positions an encoder with learnt absolute positions has; ``None`` for other encoders.

    Where the table has a padding row (RoBERTa and its kin), positions start behind that row.
    """
    for name, module in encoder.named_modules():
        if name.endswith(("position_embeddings", "wpe")) and isinstance(module, nn.Embedding):
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers' load reports and progress bars off standard error; qatk says itself what matters."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
