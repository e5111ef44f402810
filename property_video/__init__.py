"""Property Video: marketing films from folders of property photos, as a Dagster project.

Nothing is imported here: every process pays for what its package roots load.
"""

__version__ = "0.1.0"
