"""Making a run: the stages from data to report."""
