"""The ``az dms`` commands: the only part that talks to people."""
