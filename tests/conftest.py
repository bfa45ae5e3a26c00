"""Shared by all tests: no network, one thread, the built-in plugins."""

from __future__ import annotations

import os

for name, value in {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}.items():
    os.environ.setdefault(name, value)

import pytest  # noqa: E402

from qatk.plugins import PluginHost  # noqa: E402


@pytest.fixture(scope="session")
def host() -> PluginHost:
    return PluginHost.discover(environ={})
