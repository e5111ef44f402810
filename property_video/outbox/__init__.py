"""The outbox: finished films, and films that cannot be made, told to the agency's own systems, once each.

Not here: which places (settings.py), what is told (core/outbox.py).
"""
