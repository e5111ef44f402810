"""Replicate, through its client `replicate` 1.x and a downloader of our own.

Not here: which model makes what (core/models.py), what is ordered and paid (orders).
"""
