"""From decoded frames to durable rows: time, direction, uniqueness, group commit.

What enters comes from `protocol`, what leaves is a receipt that a commit stands
behind. Only a receipt may be acknowledged to a terminal.
"""
