"""Systems held against a baseline: paired figures, verdicts, wins and losses."""
