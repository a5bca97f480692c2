"""The server that TM20 attendance terminals dial, and its operator console."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("tm20tui")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"
