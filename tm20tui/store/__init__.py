"""Everything that is kept: tables, migrations and short synchronous transactions.

Functions in this package take an open `Connection` and are run in worker threads
through `Database.read` and `Database.write`; nothing else imports SQLAlchemy.
"""
