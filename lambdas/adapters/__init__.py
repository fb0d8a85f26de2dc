"""AWS behind our own words; clients are made on first use, and everything is bounded in time."""
