"""The simulated model: knows labels, rots with length, plans by a script. It measures orchestrators, not models."""
