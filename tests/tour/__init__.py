"""A tour of the console in a real terminal: `python -m tests.tour`."""
