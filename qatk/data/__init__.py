"""Care of examples, whatever their source."""
