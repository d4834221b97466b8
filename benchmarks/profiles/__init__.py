"""What a profile buys: the same questions with it and without it, the same leaf, every call and token counted."""
