#!/bin/sh
# Each fuzzer for twenty seconds, beginning with the inputs that are kept; make fuzz is the same for as long as you like.
cd "${0%/*}/../.." || exit 1
exec nice tests/fuzz/run 20
