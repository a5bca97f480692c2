"""Back-fill: what terminals hold and the server does not is found by their counters, and pulled.

`policy` and `listing` decide, without any I/O; `pulling` asks one terminal; `office` is what
the rest of the server sees; `completeness` says per terminal and day what is known of it.
What is pulled goes the way of every punch, through ingest, and is stored once.
"""
