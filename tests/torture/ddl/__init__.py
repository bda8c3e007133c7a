"""Schema changes on the source while changes stream, and the user who repeats them on the target.

``tables`` and ``sequences`` are what is changed, ``kinds`` the changes by name, ``reshaper`` makes
them, ``follower`` is the user at the target, ``judging`` says what must hold afterwards.
"""
