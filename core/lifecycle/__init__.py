"""What Auto Scaling's hooks and CloudFormation wait for: who is let in, who is let go, what is held still."""
