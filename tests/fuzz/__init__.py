"""Everything that reads bytes of somebody else's making, fed by a fuzzer that follows coverage.

``make fuzz`` runs it for as long as SECONDS says; a short turn of each target runs with the tests.
"""
