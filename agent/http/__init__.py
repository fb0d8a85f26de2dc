"""What the agent tells over HTTP, and who may have it do something."""
