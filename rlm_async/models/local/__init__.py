"""The embedded local model: a small language model on this machine, without a key, a provider or a GPU.

Read `opening` first: it puts the parts together. `install` and `status` are for the command line.
"""
