"""Exported models: their folders and manifest, and runtimes opened with them."""
