"""How fast it is, beside what nobody can beat: plain inserts, hashing alone. See docs/performance.md."""
