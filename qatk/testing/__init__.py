"""Contract checks for plugin authors: does a component keep the promises of its kind?

One test is enough::

    from qatk.testing import check_component

    def test_contract():
        check_component("decoder", "my-name")

It runs the component on adversarial inputs; a failure names the broken promise, the input, and what was seen.
The promises of each kind are in a module of its name (:mod:`qatk.testing.promises.decoders`,
:mod:`qatk.testing.promises.heads` ...), and :mod:`qatk.pytest_plugin` runs them for all that a distribution registers.
A component that breaks a promise on purpose says so: ``Component(..., waives={"name-of-the-promise": "why"})``.
Runs import nothing from here.
"""

from qatk.plugins.host import PluginHost
from qatk.testing.checking import check_component, find_broken, promises_of, subject_of, verdicts
from qatk.testing.promise import Broken, ContractBroken, Promise, Subject, Verdict

__all__ = [
    "Broken",
    "ContractBroken",
    "PluginHost",
    "Promise",
    "Subject",
    "Verdict",
    "check_component",
    "find_broken",
    "promises_of",
    "subject_of",
    "verdicts",
]
