#!/bin/sh
# shellcheck disable=SC1091,SC2154
# msworker by hand: it says what it is and does nothing.
. "${0%/*}/../lib/sh"

worker=$MSTOOLS_WORKER
[ -x "$worker" ] || skip_all 'msworker is not built'

run "$worker"
status_is 64 'without its socket'
stderr_is 'msworker: msfetch, msmark and msls start this program; it does nothing by itself' 'it says who starts it'
stdout_is '' 'and nothing else'

run "$worker" --help
status_is 64 'with an argument'
stderr_like 'msfetch, msmark and msls start this program' 'it says the same'

run "$worker" 3</dev/null
status_is 64 'with something else where its socket should be'

done_testing
