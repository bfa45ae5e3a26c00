"""submitit, imported without what it does to the logging of a process: it closes all handlers, and writes on stdout.

Jobs, which import it themselves, log as ever.
"""

from __future__ import annotations

import os

_VARIABLE = "SUBMITIT_LOG_LEVEL"
_given = os.environ.get(_VARIABLE)
os.environ[_VARIABLE] = _given or "NOCONFIG"
try:
    import submitit
    from submitit.core.core import Job, PicklingExecutor
finally:
    if _given is None:
        del os.environ[_VARIABLE]

__all__ = ["Job", "PicklingExecutor", "submitit"]
