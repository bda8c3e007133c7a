"""The stages of a migration and their conductor."""
