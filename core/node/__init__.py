"""What one node decides: verdicts of its applications, and what its agent does next."""
