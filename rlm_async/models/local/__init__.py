"""The embedded local model: a small language model on this machine, without a key, a provider or a GPU."""
