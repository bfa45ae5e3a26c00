"""qatk: train, evaluate, compare and serve extractive question answering models."""
