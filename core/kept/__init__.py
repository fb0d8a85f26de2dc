"""State kept in a bucket: pieces under their digests, a manifest over them, and who may replace it."""
