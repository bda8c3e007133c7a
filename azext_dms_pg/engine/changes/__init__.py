"""What changes mean: rows of the stream, fitted to the target and collapsed to their net effect.

The words that ``stream`` (which receives) and ``apply`` (which writes) have in common.
"""
