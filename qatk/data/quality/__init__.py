"""Whether data are in order: what is wrong with questions, contexts and answers, what it costs, and what is mended."""

from qatk.data.quality.check import check
from qatk.data.quality.findings import Finding, Quality
from qatk.data.quality.fix import Change, fix
from qatk.data.quality.kinds import KINDS

__all__ = ["KINDS", "Change", "Finding", "Quality", "check", "fix"]
