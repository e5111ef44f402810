"""What keeps runs going: the instance, making a film in one call, runs of dead processes.

Not here: what a run does (defs, orders).
"""
