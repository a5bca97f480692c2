"""Input that nobody means, sent to an attached console. `python -m tests.noise` plays it for longer."""
