"""What a deployable costs a month, and how long a recovery takes, before anything is deployed."""
