"""`python -m tm20tui` is the command `tm20tui`."""

import sys

from tm20tui.cli.main import main

sys.exit(main())
