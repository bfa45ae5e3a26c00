"""Predictions against gold: the official metrics, kinds of errors, what was out of reach."""
