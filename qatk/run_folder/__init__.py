"""What a run leaves on disk: written whole, read back without a model."""
