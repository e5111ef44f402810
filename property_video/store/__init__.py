"""Where files live: content-addressed media, records, edits and leases in one folder.

Not here: what any of them means (core), and how media are made (media).
"""
