"""Models that answer: from one question on the command line to a file of a million."""
