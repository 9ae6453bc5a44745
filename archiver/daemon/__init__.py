"""The daemon: schedule, signals, readiness."""
