"""The HR services we talk to: one HTTP client, and what each service's format means.

Only this package knows HTTP. It reports what happened as records and decides nothing;
`delivery/` decides.
"""
