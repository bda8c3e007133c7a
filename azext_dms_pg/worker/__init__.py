"""The processes that carry out local tasks."""
