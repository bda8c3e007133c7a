"""The last minutes: the source at rest, a fence behind its last commit, sequences, constraints."""
