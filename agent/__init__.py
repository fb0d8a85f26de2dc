"""The agent on a node: starts nothing without a permit, keeps the applications alive, says how they are."""
