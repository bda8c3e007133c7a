"""The wheel, built and installed once a session into a private az."""
