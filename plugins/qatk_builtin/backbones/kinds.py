"""Models that are no plain encoders: encoder-decoders, of which the encoder is taken, and those that look back."""

from __future__ import annotations

from typing import Any

from tokenizers import processors
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING as CAUSAL
from transformers import MODEL_FOR_MASKED_LM_MAPPING as MASKED
from transformers import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING as SEQUENCES
from transformers import AutoModel, AutoModelForTextEncoding, PretrainedConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING as ENCODERS

from qatk.api import ModelError


def has_encoder_alone(config: PretrainedConfig) -> bool:
    """Whether this is an encoder-decoder whose encoder transformers has a class for, such as T5."""
    return type(config) in ENCODERS and type(config) in SEQUENCES  # its is_encoder_decoder changes on the way


def bare_class(config: PretrainedConfig) -> Any:
    """What makes the encoder of an architecture."""
    return AutoModelForTextEncoding if has_encoder_alone(config) else AutoModel


def looks_back(config: PretrainedConfig) -> bool:
    """Whether tokens see those before them only, as in Llama and Qwen, and the model has no head for questions yet."""
    return _is_causal(config) and not any("QuestionAnswering" in name for name in config.architectures or ())


def _is_causal(config: PretrainedConfig) -> bool:
    """XLNet, which is among those that continue texts, looks both ways."""
    return type(config) in CAUSAL and type(config) not in MASKED and getattr(config, "attn_type", None) != "bi"


def null_id_of(tokenizer: Any, config: PretrainedConfig) -> int | None:
    """The id of the token that stands for "no answer": CLS, BOS where there is none, EOS where there is neither.

    It is EOS also of a model that looks back only, where that ends every pair: what stands before the context says
    nothing of it.
    """
    eos: int | None = tokenizer.eos_token_id
    if _is_causal(config) and eos is not None:
        ids = tokenizer("a", "b")["input_ids"]
        if ids[-1:] == [eos] and ids.count(eos) == 1:
            return eos
    given = (tokenizer.cls_token_id, tokenizer.bos_token_id, eos)
    return next((found for found in given if found is not None), None)


def end_with_null(tokenizer: Any, name: str) -> None:
    """Let a tokenizer put the question first, another special token between, and EOS behind the context alone.

    A model that looks back only sees the question from the context, and both from there.

    Raises:
        ModelError: there is no EOS, or no other special token.
    """
    end = tokenizer.eos_token
    others = [tokenizer.bos_token, tokenizer.sep_token, *tokenizer.all_special_tokens]
    unfit = (None, end, tokenizer.unk_token, tokenizer.pad_token)
    between = next((token for token in others if token not in unfit), None)
    if end is None or between is None:
        lacks = "no EOS token" if end is None else "no special token beside EOS, padding and unknown words"
        raise ModelError(
            f"{name} looks back only, and its tokenizer has {lacks}: one has to stand between question and context, "
            'another behind both, for "no answer"',
            fix="give its tokenizer such a token, or choose an encoder",
        )
    begin = "" if tokenizer.bos_token is None else f"{tokenizer.bos_token} "
    tokens = dict.fromkeys([between, end, *([tokenizer.bos_token] if begin else [])])
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin}$A {end}",
        pair=f"{begin}$A {between} $B {end}",
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in tokens],
    )
    tokenizer.padding_side = "right"
