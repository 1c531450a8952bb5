#!/bin/sh
# The fuzzers, 20 seconds each (make fuzz runs them for as long as one likes).
set -u
cd "${0%/*}/../.." || exit 1
command -v clang >/dev/null 2>&1 || {
	echo '1..0 # SKIP no clang'
	exit 0
}
echo "1..$(find tests/fuzz -name '*.c' | wc -l)"
exec tests/fuzz/run 20
