"""A made-up AWS in virtual time around the shipped functions: thousands of histories, each from one seed, each held to its promises."""
