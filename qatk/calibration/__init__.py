"""The null threshold, fitted on other questions than those it is scored on."""
