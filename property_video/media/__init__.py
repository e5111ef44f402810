"""Pixels and samples: reading photos, moving a camera over them, encoding, joining, probing, sound.

Not here: which photo, move or track a scene gets (core), where files are kept (store), Dagster.
"""
