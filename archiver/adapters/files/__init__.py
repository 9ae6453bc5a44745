"""Folders: a source and the archive."""
