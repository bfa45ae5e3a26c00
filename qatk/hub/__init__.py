"""Publishes models on the Hugging Face hub, and fetches them from there."""
