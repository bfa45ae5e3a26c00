"""Learning from trained models: their probabilities of starts, ends and "no answer" as soft targets."""
