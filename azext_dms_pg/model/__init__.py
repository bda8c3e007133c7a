"""Frozen values and their wire forms. Standard library only."""
