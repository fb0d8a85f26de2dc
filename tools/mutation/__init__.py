"""Generated mutation testing of core's recovery: each small change of the code must be noticed by a test."""
