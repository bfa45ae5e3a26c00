"""The page: one HTML file with charts and all questions, which opens from disk and asks no network."""
