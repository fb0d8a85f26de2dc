"""A local cloud: the template that goes to AWS, deployed here, broken on purpose, and measured.

The lab enters by the front door only (template, handler's name, unit in the user data, HTTP) and
imports none of our packages.
"""
