#!/bin/sh
# A sample of make valgrind: some unit tests, and one run of each program.
. "${0%/*}/../lib/sh"
case $BUILD in *-san | */valgrind) skip_all 'a sample is enough once' ;; esac
command -v valgrind >/dev/null 2>&1 || skip_all 'no valgrind'
cd "$root" || exit 1
[ -x "$BUILD-nocage/tests/unit/receipt.t" ] || skip_all "no $BUILD-nocage (make check makes it)"
if BUILD=$BUILD-nocage tests/valgrind/run sample >"$T/log" 2>&1; then
	pass 'nothing is found'
else
	fail 'nothing is found'
	diag "$(cat "$T/log")"
fi
done_testing
