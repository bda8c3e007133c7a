"""What will be migrated: from two surveys and the user's wishes to a plan, also after a restart."""
