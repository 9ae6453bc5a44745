"""What reports say, one file a language."""
