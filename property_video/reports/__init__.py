"""Recorded rows, and what they say over all campaigns: DuckDB over Parquet, pandas at the end.

Not here: what a film is (core/outputs.py).
"""
