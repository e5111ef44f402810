"""From a folder to photos in the store: what is there, what can be used, what it looks like.

The folder is only read. Everything after this works from the store, so a folder may go away once it was taken in.

Not here: decoding and measuring (media), what verdicts mean (core).
"""
