"""A fleet of terminals and an HR service to try the server against, without hardware.

Independent of `tm20tui.protocol` on purpose: what both sides share, no test can
catch. The fleet dials the server as real firmware does and keeps a ledger of every
punch it was promised; the HR service keeps one of every punch it received.
"""

from __future__ import annotations
