#!/bin/sh
# shellcheck disable=SC1091,SC2154
# msworker by hand: it says what it is and does nothing.  And without libcurl: it needs that for a proxy only.
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

mkdir lib
: >lib/libcurl.so.4
cat >without <<END
#!/bin/sh
LD_LIBRARY_PATH='$T/lib' exec '$worker'
END
chmod 755 without
MSTOOLS_WORKER=$T/without
echo token-of-some-length >token
exchange_up -e 'messages 2'
run msls $imap_args -u box@contoso.example INBOX <token
status_is 0 'without libcurl'
stdout_lines 2 'all messages are there'
run msls $imap_args -u box@contoso.example --proxy http://localhost:1 INBOX <token
status_is 71 'and a proxy'
stderr_like 'a proxy needs libcurl, which cannot be loaded: ' 'it says what is missing'

done_testing
