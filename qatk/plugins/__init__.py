"""Plugins and their components: found, checked, built and attributed."""

from qatk.plugins.host import PluginHost

__all__ = ["PluginHost"]
