"""Who vouches for checkpoints off this host: RFC 3161 time stamps and C2SP witnesses, over HTTP."""
