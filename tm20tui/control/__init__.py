"""The control socket: operators of this machine, known by their Unix account, and their requests.

One JSON object a line. A connection begins with a hello of each side, which says the
protocol's version and what the connection is for; then requests, any number at once,
each answered under its `id`. `wire` is the format, `server` accepts, `session` serves
one connection, `client` is the other end.
"""
