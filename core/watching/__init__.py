"""Who is watched, by which of the functions, and what wakes them."""
