"""Hosted services on loopback, for tests with the real client libraries and for demonstrations without a key."""
