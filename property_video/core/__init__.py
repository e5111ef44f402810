"""The rules of the product, as pure functions and frozen records.

Here: what a campaign, a brief, a shot list or a verdict is, and how one follows from another.
Not here: Dagster, disk, network, clock, randomness that is not an argument.
"""
