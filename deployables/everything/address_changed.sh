#!/bin/sh
# What a program would do that holds connections to an address: close them. This one only writes down that it was told.
date -u +%FT%TZ >> /var/lib/counter/addresses
