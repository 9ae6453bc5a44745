"""Tests, at the level that proves the claim: unit, contract, property, integration, vectors, architecture."""
