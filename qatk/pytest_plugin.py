"""The pytest plugin of qatk: promises of all that a distribution registers, each a test of its own.

A test that takes ``qatk_promise`` runs once for each promise of each component of a distribution::

    def test_promises(qatk_promise):
        qatk_promise()

The distribution is that of the ``pyproject.toml`` in pytest's root directory, or ``--qatk-distribution NAME``, or the
ini option ``qatk_distribution``. A component that cannot be built without options is skipped: give them to
:func:`qatk.testing.check_component` in a test. Every pytest of the environment loads this module, so it imports next to
nothing.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from qatk.plugins.host import PluginHost
    from qatk.plugins.registered import Registered
    from qatk.testing import Promise, Subject
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

    def __init__(self, promise: Promise, subject: Subject) -> None:
        self.promise, self.subject = promise, subject

    def __call__(self) -> None:
        __tracebackhide__ = True
        from qatk.testing import ContractBroken

        if broken := self.promise.verify(self.subject):
            raise ContractBroken(self.subject.registered, [broken], 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test a promise and component, for tests that take ``qatk_promise``."""
    if "qatk_promise" in metafunc.fixturenames:
        metafunc.parametrize("qatk_promise", _cases(metafunc.config))


def _cases(config: pytest.Config) -> list[Any]:
    from qatk.plugins.host import PluginHost

    host, name = PluginHost.discover(), _distribution(config)
    mine = [r for r in host.components() if _same(r.plugin.distribution, name)]
    if broken := [p for p in host.plugins if p.error and _same(p.distribution, name)]:
        raise pytest.UsageError(f"plugin {broken[0]} cannot be loaded:\n{broken[0].error}")
    if not mine:
        raise pytest.UsageError(f"the distribution {name!r} registers no qatk component; is it installed?")
    return [case for registered in mine for case in _of_component(registered, host)]


def _of_component(registered: Registered, host: PluginHost) -> list[Any]:
    from qatk.errors import UsageError
    from qatk.testing import promises_of, subject_of

    label = f"{registered.kind}-{registered.name}"
    try:
        subject = subject_of(registered.kind, registered, host=host)
    except UsageError as error:
        reason = f"{error.what}: give it to qatk.testing.check_component"
        return [pytest.param(None, id=label, marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(_Check(p, subject), id=f"{label}-{p.name}") for p in promises_of(registered.kind)]


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
