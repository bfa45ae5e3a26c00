"""Where to compute, how precisely, and with which other processes."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import FullyShardedDataParallelPlugin as Settings
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from qatk.api import ProcessLost, UsageError
from qatk_builtin.trainers import TorchOptions

_OTHERS = {f"ACCELERATE_USE_{name.upper()}": name for name in ("DeepSpeed", "Megatron_LM")}
_LOWER = {"bf16": torch.bfloat16, "fp16": torch.float16}
_FEW_SCORES = 2**23
"""Of attention, in a layer: those of a batch of 16 windows of 209 tokens in MiniLM. In bf16 they take 16 MiB."""
_MALLOC_SETTINGS = {"M_TRIM_THRESHOLD": (-1, 2**31 - 1, 2**17), "M_MMAP_THRESHOLD": (-3, 2**30, 2**20)}
"""Of glibc's malloc.h: the number, and the values with which freed memory is kept, and is not."""


class Engine:
    """A device, a precision, and accelerate's view of the other processes.

    Attributes:
        accelerator: for what several processes do together. Its own mixed precision stays off: accelerate has one
            for the whole Python process, and a Python process may hold trainers of different precision.
        device: where tensors go.
        precision: ``fp32``, ``bf16`` or ``fp16``.

    Raises:
        UsageError: for a device that this machine does not have, or not for all processes, and where they cannot meet.
    """

    def __init__(self, options: TorchOptions) -> None:
        kind = choose_device(options.device)
        self.accelerator = _meet(kind)
        device = self.accelerator.device
        self.device = device if device.type == kind else torch.device(kind)
        self.precision = choose_precision(options.precision, kind)
        self._fuses_slowly = kind == "cpu" and self.precision == "bf16" and not _has("amx_tile") and not options.compile
        if kind == "cpu":
            keep_freed_memory()

    @property
    def name(self) -> str:
        """The device for people: the GPU's name, or ``cpu``."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type

    @property
    def several(self) -> bool:
        """Whether there are other processes."""
        return bool(self.accelerator.num_processes > 1)

    def autocast(self) -> torch.autocast:
        """Matrix products in the lower precision; weights stay float32."""
        dtype = _LOWER.get(self.precision)
        return torch.autocast(self.device.type, dtype or torch.bfloat16, enabled=dtype is not None)

    @contextmanager
    def attention(self, scores: int) -> Iterator[None]:
        """A training step, both passes, whose attention is computed as is fastest for so many scores in a layer.

        In bf16 and without AMX, the backward pass of torch's fused attention on a CPU takes three to four times as long
        as plain matrix products. These keep all scores, so that they are for batches in which there are few.
        """
        if not self._fuses_slowly or scores > _FEW_SCORES:
            yield
            return
        # Of CPUs too, in spite of the name: plain products stay in bf16.
        allow = torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp
        allowed: Callable[[], bool] = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed
        before = allowed()
        allow(True)
        try:
            with sdpa_kernel(SDPBackend.MATH):
                yield
        finally:
            allow(before)

    def scaler(self) -> torch.amp.GradScaler:
        """Scales losses where fp16 needs it; does nothing otherwise."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    def sum(self, value: Tensor) -> Tensor:
        """The sum over all processes."""
        total: Tensor = self.accelerator.reduce(value, "sum")
        return total

    def any(self, flag: bool) -> bool:
        """Whether a flag holds in any process, so that all of them do the same."""
        if not self.several:
            return flag
        return bool(self.sum(torch.tensor(float(flag), device=self.device)) > 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Work that this process shares with the others. Raises :class:`ProcessLost` where one of them is gone."""
        try:
            yield
        except RuntimeError as error:
            if not self.several or not (isinstance(error, torch.distributed.DistError) or "/gloo/" in str(error)):
                raise
            what = "another process of this run failed or was killed"
            raise ProcessLost(what, fix="resume the run: it continues from the last state") from error


def _meet(kind: str) -> Accelerator:
    """Wait for the other processes, where the environment names any; see :class:`Engine`."""
    if kind == "cuda" and int(os.environ.get("LOCAL_RANK", 0)) >= (gpus := torch.cuda.device_count()):
        what = f"{os.environ.get('LOCAL_WORLD_SIZE', 'more')} processes have {gpus} GPU{'s' * (gpus != 1)} here"
        raise UsageError(what, where="device: cuda", fix="start at most one process a GPU, or use device: cpu")
    # By this variable of accelerate, transformers would leave the weights of other processes empty.
    os.environ.pop("FSDP_CPU_RAM_EFFICIENT_LOADING", None)
    try:
        return Accelerator(cpu=kind == "cpu", mixed_precision="no")
    except RuntimeError as error:
        if not isinstance(error, torch.distributed.DistError):
            raise
        address, port = (os.environ.get(f"MASTER_{name}", "?") for name in ("ADDR", "PORT"))
        if "EADDRINUSE" in str(error):
            fix = "set it to a free port: torchrun --master_port N, accelerate launch --main_process_port N"
            raise UsageError(f"port {port} is in use", where="MASTER_PORT", fix=fix) from error
        rank = os.environ.get("RANK", "0")
        what = f"rank {rank} of {os.environ.get('WORLD_SIZE', '?')} processes does not reach the others"
        fix = "name the first process's host and a port that is open to all, and start all of them"
        raise UsageError(what, where=f"{address}:{port}", fix=fix) from error


def settings_of(options: TorchOptions) -> Settings | None:
    """How to cut, by the option ``sharding`` or by the configuration of ``accelerate launch``; ``None``: not at all.

    Raises:
        UsageError: another way to cut is asked for, or it cannot be done with other options.
    """
    for variable, name in _OTHERS.items():
        if _is_on(variable):
            what = f"accelerate's configuration asks for {name}, which the torch trainer does not do"
            fix = "choose FSDP with fsdp_version: 2 there, or plain data parallelism"
            raise UsageError(what, where=variable, fix=fix)
    by_accelerate = _is_on("ACCELERATE_USE_FSDP")
    if not by_accelerate and options.sharding is None:
        return None
    where = "ACCELERATE_USE_FSDP" if by_accelerate else "trainer.sharding"
    if by_accelerate and os.environ.get("FSDP_VERSION", "1") != "2":
        what = "accelerate's configuration asks for FSDP of version 1; the torch trainer does version 2"
        raise UsageError(what, where="FSDP_VERSION", fix="write fsdp_version: 2 in its fsdp_config")
    if options.lora_rank is not None:
        what = "lora_rank leaves no gradients and no optimizer state that were worth cutting"
        raise UsageError(what, where=where, fix="leave out either")
    if options.masked_words:
        what = "masked_words predicts words by the table of all of them, which sharding cuts"
        raise UsageError(what, where=where, fix="leave out either")
    for name in ("IGNORED_MODULES", "ACTIVATION_CHECKPOINTING_OFFLOAD"):
        if by_accelerate and os.environ.get(f"FSDP_{name}", "").lower() not in ("", "false", "none"):
            what = "the torch trainer does not do this part of accelerate's configuration"
            raise UsageError(what, where=f"FSDP_{name}", fix="leave it out")
    try:
        if by_accelerate:
            return Settings()
        return Settings(fsdp_version=2, reshard_after_forward=True, cpu_offload=False, activation_checkpointing=False)
    except (ValueError, KeyError, ImportError) as error:
        raise UsageError(f"accelerate refuses its configuration: {error}", where=where) from error


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").lower() == "true"


def choose_device(device: str) -> str:
    """``auto`` is the GPU if there is one. Raises :class:`UsageError` for a device that this machine lacks."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return next(name for name, available in there.items() if available)
    if not there[device]:
        name = "CUDA" if device == "cuda" else "MPS"
        raise UsageError(f"no {name} device on this machine", where=f"device: {device}", fix="use device: auto or cpu")
    return device


def choose_precision(precision: str, device: str) -> str:
    """``auto`` is bf16 where the hardware multiplies matrices in bf16 at a higher rate than in float32, else fp32."""
    if precision != "auto":
        return precision
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if device == "cpu" and _multiplies_faster_in_bf16() else "fp32"


def _multiplies_faster_in_bf16() -> bool:
    """Whether this processor has AMX, or is AMD's with AVX-512's bf16 instruction.

    In MiniLM's sizes, that instruction gives twice the rate of float32 on AMD's processors and 0.55 of it on Intel's
    (``benchmarks/roofline.py``).
    """
    return _has("amx_tile") or (_has("avx512_bf16") and "AuthenticAMD" in _vendor())


def _has(feature: str) -> bool:
    """Whether torch finds a feature in this processor."""
    return bool(getattr(torch.cpu, f"_is_{feature}_supported", bool)())


def _vendor() -> str:
    """A text with the name of the processor's maker in it, as CPUID tells it."""
    told = Path("/proc/cpuinfo")
    return told.read_text("utf-8") if told.exists() else platform.processor()


def keep_freed_memory(keep: bool = True) -> None:
    """Let glibc keep large freed blocks for the next tensors instead of handing them back to the kernel.

    Each step allocates the same activations again; fetched anew, every page of them costs a fault. Not to keep them is
    for weights that come and go by layers: blocks of their sizes are left between others, and take twice the memory.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value, otherwise in _MALLOC_SETTINGS.values():
            mallopt(parameter, value if keep else otherwise)
