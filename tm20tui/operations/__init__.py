"""What an operator can do or ask, once, for every front end.

Each operation is a typed async function whose first argument is the gateway. It
returns a frozen result or raises an `OperationError` that names the argument; it
leaves nothing half done. Front ends parse, call one of these and show the result.
"""
