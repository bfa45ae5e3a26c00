from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import qatk
from qatk.inference.model import AnsweringModel
from qatk.plugins.host import PluginHost
from serving import PLUGIN, PROMISE, TOKEN, Server, start
from small import write_recipe

STRICT = {
    "--max-body": 20_000,
    "--max-context": 2000,
    "--max-questions": 4,
    "--max-queue": 4,
    "--timeout": 2,
    "--keep-alive": 20,
    "--workers": 1,
    "--proxy": "127.0.0.1",
}


@pytest.fixture(scope="session")
def plugins() -> PluginHost:
    return PluginHost.discover(files=[str(PLUGIN)], environ={})


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, plugins: PluginHost) -> Path:
    """Runs of a model that says "no answer", of one that gives two spans, and of two that take their time."""
    folder = tmp_path_factory.mktemp("serving")
    recipe = write_recipe(folder, train=96, dev=12)
    decoders = {
        "plain": "{use: min-null}",
        "pair": "{use: pair, null_threshold: never}",
        "slow": "{use: slow, seconds: 0.6}",
        "quick": "{use: slow, seconds: 0.05}",
    }
    for name, decoder in decoders.items():
        qatk.run(recipe, out=folder / name, settings=[f"decoder={decoder}", "trainer.epochs=1"], host=plugins)
    (folder / "pair" / "calibration.json").write_text(json.dumps({"promise": PROMISE}))
    return folder


@pytest.fixture(scope="session")
def offline(runs: Path, plugins: PluginHost) -> dict[str, AnsweringModel]:
    return {name: qatk.load_model(runs / name, host=plugins) for name in ("plain", "pair", "quick")}


@pytest.fixture(scope="session")
def started(runs: Path) -> Iterator[dict[str, Server]]:
    """Servers, all started at once, for that takes the most time."""
    strict = [word for option in STRICT.items() for word in option]
    found = {
        "open": start(runs / "plain", runs / "pair", "--workers", 2),
        "strict": start(runs / "slow", *strict, environ={"QATK_TOKEN": TOKEN}),
        "ending": start(runs / "quick", "--workers", 2, "--timeout", 20),
    }
    yield found
    left = [server for server in found.values() if server.process.poll() is None]
    for server in left:
        server.process.terminate()
    for server in left:
        said = server.process.communicate(timeout=60)[1]
        assert (server.process.returncode, "Traceback" in said) == (0, False), said


@pytest.fixture(scope="session")
def server(started: dict[str, Server]) -> Server:
    """Two models without a token: ``plain``, and ``pair``, which promises an error rate."""
    return started["open"].wait()


@pytest.fixture(scope="session")
def strict(started: dict[str, Server]) -> Server:
    """One slow model behind a token, with narrow limits."""
    return started["strict"].wait()
