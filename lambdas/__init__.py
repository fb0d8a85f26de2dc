"""The functions: parse the event, read the world once, ask core for the next step, perform it."""
