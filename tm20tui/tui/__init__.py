"""The console: what an operator sees and touches. Only this package knows Textual.

`app` is one console, made by the host for each client that attaches. Modes show, and
call operations; they never see a session, a socket or SQL.
"""
