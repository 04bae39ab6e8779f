"""Offer models and datasets to Python programs; `imagemint.py` re-exports it."""
