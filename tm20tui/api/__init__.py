"""The HTTP API, a front end over `operations`: parse, call one operation, show the result.

server       sockets, connections, limits, the supervised loop
guard        who may ask: Host and Origin, WebSockets refused, the last resort for errors
application  FastAPI: routes, errors in one shape
bodies       JSON bodies as people paste them
queries      query parameters
views        what answers contain
routes_*     the URLs
"""
