"""Shared by all tests: no network, one thread, the built-in plugins."""

from __future__ import annotations

import gc
import os
import sys
from functools import cache
from importlib.util import find_spec
from typing import Any

for name, value in {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(name, value)
os.environ.pop("QATK_TRACEBACK", None)
os.environ["QATK_CACHE"] = "off"  # each test makes its own windows; those of the cache name a folder of their own

import pytest  # noqa: E402
from hypothesis import settings  # noqa: E402

from commands import share  # noqa: E402
from qatk.plugins.host import PluginHost  # noqa: E402
from strict_skips import pytest_runtest_makereport  # noqa: E402, F401

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """The workers share one process that has loaded the libraries; where there is no torch, no test needs it."""
    if find_spec("torch"):
        share()


def pytest_collection_finish() -> None:
    """What is there now stays: going through it takes half a second, and statsmodels does so at every call."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup() -> None:
    """Once torch's exporter is loaded: it parses the same 400 functions for each model, for a second; keep them."""
    kind: Any = getattr(sys.modules.get("onnxscript._internal.values"), "TracedOnnxFunction", None)
    parsed = getattr(kind, "function_ir", None)
    if isinstance(parsed, property) and not hasattr(parsed.fget, "cache_info"):
        kind.function_ir = property(cache(parsed.fget))


@pytest.fixture(scope="session")
def host() -> PluginHost:
    return PluginHost.discover(environ={})
