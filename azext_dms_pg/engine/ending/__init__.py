"""The ends of a migration other than success: it failed, or the user cancelled it."""
