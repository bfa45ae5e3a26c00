"""Training and prediction in PyTorch."""
