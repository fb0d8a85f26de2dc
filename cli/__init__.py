"""The `understudy` command: checks files itself, starts the lab and the synth as programs."""
