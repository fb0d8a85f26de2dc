"""The incident machine: from what is seen of one assembly to the next step, and everything that a rule asks."""
