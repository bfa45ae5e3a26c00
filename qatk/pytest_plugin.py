"""The pytest plugin of qatk: each promise of each component that a distribution registers is a test of its own.

A test that takes ``qatk_promise`` runs once for each promise of each component of a distribution::

    def test_promises(qatk_promise):
        qatk_promise()

The distribution is that of the ``pyproject.toml`` in pytest's root directory, or ``--qatk-distribution NAME``, or the
ini option ``qatk_distribution``. Components that need options get them by name; without them their tests are skipped::

    def test_promises(qatk_promise, tmp_path):
        qatk_promise({"tsv": {"path": str(tmp_path / "dev.tsv")}})

A promise that does not apply to a component is skipped, and one that the component waives is an expected failure, each
with the reason. Every pytest of the environment loads this module, so it imports next to nothing.
"""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qatk.plugins.host import PluginHost
    from qatk.plugins.registered import Registered
    from qatk.testing import Promise
    from qatk.testing.promise import Noticed
    from qatk.types import Examples


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where to look for components."""
    text = "the distribution whose qatk components the fixture qatk_promise checks"
    parser.getgroup("qatk").addoption("--qatk-distribution", metavar="NAME", help=text)
    parser.addini("qatk_distribution", text, default="")


@pytest.fixture(scope="session")
def qatk_host() -> PluginHost:
    """The plugins that are installed."""
    from qatk.plugins.host import PluginHost

    return PluginHost.discover()


@pytest.fixture
def qatk_examples() -> Examples:
    """Seven questions with gold: answerable and not, several answers, other scripts, markup, an empty question."""
    from qatk.testing.inputs.questions import questions

    return questions()


class _Check:
    """A promise of a component, to be called in a test."""

    def __init__(self, promise: Promise, registered: Registered, host: PluginHost, noticed: dict[str, Noticed]) -> None:
        self.promise, self.registered, self.host, self.noticed = promise, registered, host, noticed

    def __call__(self, options: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Check it. ``options`` has those of each component that needs some, by its name or ``kind-name``."""
        __tracebackhide__ = True
        from qatk.testing import ContractBroken, subject_of

        given, name = options or {}, self.registered.name
        values = given.get(f"{self.registered.kind}-{name}", given.get(name))
        needed = self.registered.component.required_options
        if missing := [option for option in needed if option not in (values or {})]:
            example = ", ".join(f'"{option}": ...' for option in missing)
            pytest.skip(f'{self.registered.kind} {name} needs options: qatk_promise({{"{name}": {{{example}}}}})')
        subject = subject_of(self.registered.kind, self.registered, values, host=self.host)
        verdict = self.promise.verify(replace(subject, noticed=self.noticed))
        if verdict.waived:
            pytest.xfail(f"waived: {verdict.waived}")
        if verdict.skipped:
            pytest.skip(f"does not apply: {verdict.skipped}")
        if verdict.broken:
            raise ContractBroken(self.registered, [verdict.broken], 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a promise and component, for tests that take ``qatk_promise``."""
    if "qatk_promise" in metafunc.fixturenames:
        metafunc.parametrize("qatk_promise", _cases(metafunc.config))


def _cases(config: pytest.Config) -> list[object]:
    from qatk.plugins.host import PluginHost

    host, name = PluginHost.discover(), _distribution(config)
    mine = [r for r in host.components() if _same(r.plugin.distribution, name)]
    if broken := [p for p in host.plugins if p.error and _same(p.distribution, name)]:
        raise pytest.UsageError(f"plugin {broken[0]} cannot be loaded:\n{broken[0].error}")
    if not mine:
        raise pytest.UsageError(f"the distribution {name!r} registers no qatk component; is it installed?")
    return [case for registered in mine for case in _of_component(registered, host)]


def _of_component(registered: Registered, host: PluginHost) -> list[object]:
    from qatk.testing import promises_of

    label, noticed = f"{registered.kind}-{registered.name}", dict[str, "Noticed"]()
    return [
        pytest.param(_Check(one, registered, host, noticed), id=f"{label}-{one.name}")
        for one in promises_of(registered.kind)
    ]


def _distribution(config: pytest.Config) -> str:
    named = config.getoption("--qatk-distribution") or config.getini("qatk_distribution")
    if named:
        return str(named)
    file = config.rootpath / "pyproject.toml"
    if file.is_file():
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib  # comes with pytest there
        project = tomllib.loads(file.read_text("utf-8")).get("project", {})
        if name := project.get("name"):
            return str(name)
    raise pytest.UsageError("qatk_promise: no [project] name in pyproject.toml; say --qatk-distribution NAME")


def _same(one: str, other: str) -> bool:
    """Whether two names are one by the rules of package indexes."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()
