"""The report of a migration, for the change record: facts as JSON, and one self-contained page.

Data flows one way: ``facts`` (pure, from the JSON the backends give) → ``charts`` → ``page``.
"""
