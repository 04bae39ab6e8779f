"""Inspect a source of images, say what is in it, and write a preset for it: `imagemint init`."""
