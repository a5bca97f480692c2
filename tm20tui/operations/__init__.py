"""What an operator can do or ask, once, for every front end.

Each operation is a typed async function in the registry; its first argument is a
`Call`: the gateway, who asks, from where. It returns a frozen result or raises an
`OperationError` that names the argument; it leaves nothing half done. Front ends parse,
call one of these and show the result; roles and audit are the registry's.
"""
