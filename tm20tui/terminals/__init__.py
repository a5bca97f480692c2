"""Live connections: the listener terminals dial, their sessions, and the roster of who is connected."""
