"""Archives AWS CloudTrail Lake query results as evidence and goes on proving them."""
