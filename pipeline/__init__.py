"""Turn a real image dataset into a synthetic one that its consumers can trust."""

__version__ = "0.1.0"
