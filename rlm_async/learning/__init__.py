"""What is learned from runs without weights: profiles out of what went well and wrong, rules for `auto` out of rows."""
