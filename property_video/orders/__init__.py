"""From an order to its output in the store: found when it was made before, made and verified otherwise.

Not here: what is ordered (core/orders.py), who makes it (providers), what passes (core/verdicts.py).
"""
