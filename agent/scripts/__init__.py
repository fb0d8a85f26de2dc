"""The commands monitor, online, offline and clean, as a cluster manager calls them; no boto3, so that they start fast."""
