"""The control socket, met as clients meet it."""
