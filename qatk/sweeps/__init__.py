"""A recipe varied: which runs there are, and making those that are missing."""
