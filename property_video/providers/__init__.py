"""Who makes clips and tracks.

Not here: what to make (core/orders.py), keeping what was made (orders/settle.py).
"""
