"""Working hours: what an operator may say, what punches mean against them, what a terminal is told.

Everything here is pure: rows come from `store.schedules`, results go to the operations.
"""
