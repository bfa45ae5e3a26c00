"""The built-in plugins of qatk: registered through entry points, exactly as a third party does."""
