"""What the change stream does not tell of: schema changes, rewritten and replaced tables."""
