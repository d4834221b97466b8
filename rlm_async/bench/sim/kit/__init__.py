"""What programs of the benchmarks are made of. Each module's text goes into a sandbox as it stands.

So these modules import nothing of ours, and keep to what code in a sandbox may do.
"""
