"""The transparency log over the custody events, pure: Merkle tree, tiles, signed notes, checkpoints and proofs."""
