"""Writes changes to the target, in sets, with the progress in the same transaction."""
