"""Killed at every step: where torture strikes at random, this goes through the steps one by one.

A step is a place in our code that is about to speak to a server or to write the state. ``hook``
counts them inside the workers and ends one by SIGKILL when its step has come; ``story`` is the
migration it happens to.
"""
