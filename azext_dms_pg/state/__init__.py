"""The local store: what az knows of local services, projects and tasks."""
