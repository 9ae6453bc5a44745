"""Deliveries in the real format, and a local S3 + CloudTrail to serve them."""
