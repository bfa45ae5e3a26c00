"""Recipes: one YAML file is a run, checked as a whole before anything starts."""
