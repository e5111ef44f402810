"""The assets of a campaign, in the order of the graph: photos, pairs, scenes, film; and the portfolio over all.

Asset functions carry no return annotation: Dagster reads it, and with check specs none loads (a bare
`MaterializeResult` means "no output", a parameterized one is refused).

Not here: what they call.
"""
