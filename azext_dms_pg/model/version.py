"""The version of this package, for setup.py and for whoever prints it.

Not in the package's own ``__init__``: that leads to the command line, which lower floors must
not import.
"""

VERSION = "1.0.0"
