"""What an operator can do or ask, once, for every front end.

Each operation is a typed async function in the registry; its first argument is a
`Call`: the gateway, who asks, from where. It returns a frozen result or raises an
`OperationError` that names the argument; it leaves nothing half done. Front ends parse,
call one of these and show the result; roles and audit are the registry's.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from tm20tui.operations.registry import REGISTRY, Operation


def load_operations() -> Mapping[str, Operation]:
    """The registry with every operation there is in it."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return REGISTRY
