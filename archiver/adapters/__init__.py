"""The edges: one third-party library a room."""
