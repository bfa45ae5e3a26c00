"""Proof that a component keeps the promises of its kind: contract checks for the authors of plugins.

One test is enough::

    from qatk.testing import check_component

    def test_contract():
        check_component("decoder", "my-name")

It runs the component on adversarial inputs; what fails says which promise is broken, on which input, and what was seen.
Each kind's promises stand in the module of its name (:mod:`qatk.testing.promises.decoders`,
:mod:`qatk.testing.promises.heads` ...), and :mod:`qatk.pytest_plugin` runs them for all that a distribution registers.
Nothing here is imported by a run.
"""

from qatk.testing.checking import check_component, find_broken, promises_of, subject_of
from qatk.testing.promise import Broken, ContractBroken, Promise, Subject

__all__ = [
    "Broken",
    "ContractBroken",
    "Promise",
    "Subject",
    "check_component",
    "find_broken",
    "promises_of",
    "subject_of",
]
