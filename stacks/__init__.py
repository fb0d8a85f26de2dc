"""A deployable as CloudFormation: constructs that read like the parts they make."""
