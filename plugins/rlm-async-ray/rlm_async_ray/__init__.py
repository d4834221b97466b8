"""An executor whose workers are actors of a Ray cluster: whole items go out, results come back."""
