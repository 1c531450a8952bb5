#!/bin/sh
# A network that fails: some of tests/fault/net.
exec "${0%/*}/../fault/net" sample
