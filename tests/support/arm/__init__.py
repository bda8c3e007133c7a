"""A stand-in for Azure Resource Manager: a real HTTPS server that a real ``az`` signs in to.

``server`` speaks HTTP and signs people in; ``standin`` behaves as Azure is documented to;
``recording`` keeps what was exchanged and plays it back; ``forward`` records the real Azure.
No recording in this repository was made against the real one.
"""
