"""Punches on their way to HR services: who is sent what, when, and what an answer means.

Policy decides in pure functions, a courier per service acts, the dispatcher owns the couriers.
"""
