"""Other people's implementations judge what this one writes."""
