"""The local AWS API: an exactly pinned moto behind our own pipeline, with what it lacks added."""
