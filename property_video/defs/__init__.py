"""What is in the graph: partitions, assets, checks, jobs, sensors, resources.

Assets are thin: gather, call one well-named function, return the value with metadata worth looking at.

Not here: rules (core), making things (media, orders), keeping runs going (engine).
"""
