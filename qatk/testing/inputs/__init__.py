"""Inputs made to break components, and checks of what comes back."""
