"""Users: what a service's list makes of a site's, and how terminals are brought to hold them.

`reading`, `merge`, `planning` and `credentials` decide, without any I/O; `fetching`,
`inventory`, `sending` and `leavers` act. `office` is what the rest of the server sees.
"""
