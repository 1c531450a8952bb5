#!/bin/sh
# Messages that the server has and cannot give: found, quarantined, and the rest delivered.
. "${0%/*}/../lib/sh"

box=box@contoso.example
echo token-that-will-do >token

# serve SCENARIO...: a server with ten messages, some of them odd; originals in orig/INBOX.
serve_odd() {
	mailbox_anew -e 'messages 10' "$@"
}

serve_odd -e 'message 4 nodata'
fetch md
status_is 65 'OK without the message: 65'
is "$(uids)" '1 2 3 5 6 7 8 9 10' 'the others are delivered'
stderr_like 'INBOX: message 4 is quarantined' 'it is named'
rm -f orig/INBOX/4
ok 'byte for byte' mdcmp -n md orig/INBOX
fetch md
status_is 0 'it is told once'
stdout_is '' 'and not tried at once'

serve_odd -e 'message 10 nodata'
fetch md
status_is 65 'the last one, where none follows: a message that came before is the proof'
is "$(uids)" '1 2 3 4 5 6 7 8 9' 'the others are delivered'
exchange_tell 'expunge INBOX 8-10'
exchange_tell 'messages 1'
exchange_tell 'message 11 no Server Unavailable. 15'
fetch md
status_is 65 'so also where the last ones of those have left the folder'

serve_odd -e 'message 7 no Server Unavailable. 15'
fetch md
status_is 65 'a tagged NO of its own'
is "$(uids)" '1 2 3 4 5 6 8 9 10' 'the others are delivered'
stderr_like 'Server Unavailable' 'with what the server said'

serve_odd -e 'message 3 substitute'
fetch md
status_is 65 "Exchange's substitute"
is "$(uids)" '1 2 4 5 6 7 8 9 10' 'the others are delivered'

serve_odd -e 'message 1 date "not a date"'
fetch md
status_is 0 'a date that cannot be read'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10' 'does not keep the message out'
ok 'byte for byte' mdcmp -n md orig/INBOX

serve_odd -e 'message 5 cut 100 close'
fetch md
status_is 65 'the connection breaks at the same message each time'
is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'

serve_odd -e 'message 4 no Server Busy x3' -e 'on uid fetch body #5+: no Server Busy'
fetch md
status_is 75 'and again, after some messages'
stderr_unlike 'is quarantined, and' 'nothing is quarantined'

serve_odd -e 'message 4 nodata x3' -e 'on uid fetch body #4: default; expunge INBOX 4'
fetch md
status_is 0 'a suspect that goes away'
is "$(uids)" '1 2 3 5 6 7 8 9 10' 'is no error'

serve_odd -e 'message * substitute'
fetch md
stderr_unlike 'is quarantined, and' 'substitutes prove nothing'

serve_odd -e 'message 5 cut 100 close x1'
fetch md
status_is 0 'the connection breaks once'
is "$(uids)" '1 2 3 4 5 6 7 8 9 10' 'all are delivered'
ok 'the cut body is not' mdcmp -n md orig/INBOX

serve_odd -e 'message * nodata'
fetch md
status_is 75 'a server that gives no message at all is ill: 75'
stdout_is '' 'nothing is delivered'
stderr_unlike 'is quarantined, and' 'and nothing quarantined'

serve_odd -e 'message 6 gone'
fetch md
status_is 0 'a message that goes away between look and fetch'
is "$(uids)" '1 2 3 4 5 7 8 9 10' 'is no error'
fetch md
stdout_is '' 'and is not looked for again'

serve_odd -e 'message 5 literal 4294967301'
fetch md
status_is 65 'a reply that breaks a limit'
is "$(uids)" '1 2 3 4 6 7 8 9 10' 'the others are delivered'

serve_odd -e 'message 3 nodata' -e 'message 4 no Server Unavailable. 15' -e 'message 5 substitute'
fetch md
status_is 65 'three in a row'
is "$(uids)" '1 2 6 7 8 9 10' 'do not keep the others out'
is "$(grep -c 'message [345] is quarantined' "$err_file")" 3 'each is named'
exchange_tell 'messages 2'
fetch md
status_is 0 'nor those that come later'
is "$(uids)" '11 12' 'those are delivered'

# A worker that dies of one message: a library makes it so, when it is to write that message.
case $BUILD in
*-san) skip 'a worker that dies' 'the sanitizer must be the first library' ;;
*)
	cat >fatal.c <<'X'
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t
write(int fd, const void *buf, size_t n)
{
	if (memmem(buf, n, "Subject: message 7 of", 21) != NULL)
		*(volatile int *)0 = 1;
	return syscall(SYS_write, fd, buf, n);
}
X
	${CC:-cc} -D_GNU_SOURCE -shared -fPIC -o fatal.so fatal.c || bail_out 'no library'
	printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$T/fatal.so" "$MSTOOLS_WORKER" >worker
	chmod +x worker
	serve_odd
	manners=no # a worker's own last words come first
	run env MSTOOLS_WORKER="$T/worker" msfetch $imap_args -u $box md <token
	manners=yes
	status_is 65 'a worker that dies of a message'
	is "$(uids)" '1 2 3 4 5 6 8 9 10' 'the others are delivered'
	stderr_like 'INBOX: message 7 is quarantined.*(signal|SEGV|Segmentation)' 'it is named, with what became of the worker'
	;;
esac

# Retries, by a schedule that is moved towards us.
sooner() {
	sqlite3 md/.mstools.db "UPDATE poison SET next = next - $1 * 3600" || bail_out 'no state'
	fetch md
}
serve_odd -e 'message 4 nodata x5' -e 'message 6 nodata'
fetch md
status_is 65 'two that cannot be had'
sooner 1
status_is 0 'the next try, an hour later, fails again: nothing is said'
stderr_is '' 'really nothing'
is "$(sqlite3 md/.mstools.db "SELECT group_concat(tries || ' ' || ((next - strftime('%s') + 1800) / 3600)) FROM poison")" '2 4,2 4' \
    'the one after it is four hours off'
sooner 2
stdout_is '' 'two hours later it is not due yet'
sooner 2
is "$(uids)" 4 'then what can be had by now is delivered'
rm orig/INBOX/6
ok 'all are there but the other' mdcmp -n md orig/INBOX
sooner 24
stdout_is '' 'once'

serve_odd -e 'message 2 nil' -e 'message 8 quoted' -e 'message 9 empty'
fetch md
is "$(uids)" '1 3 4 5 6 7 8 9 10' 'NIL is no message, a quoted string and nothing are'

# One that the list leaves out: the server gives neither its date nor its size, and yet it is there.
i=1
while [ $i -le 100 ]; do
	[ $i = 50 ] || printf '* %d FETCH (UID %d INTERNALDATE " 1-Jan-2024 00:00:00 +0000" RFC822.SIZE 500)\r\n' $i $i
	i=$((i + 1))
done >list
serve_odd -e 'messages 90' -e "on uid fetch list #1: file $T/list; ok FETCH completed."
fetch md
status_is 0 'a message that the list leaves out'
ok 'is fetched with the others' mdcmp -n md orig/INBOX
serve_odd -e 'messages 90' -e 'on uid search: no SEARCH failed.'
fetch md
status_is 0 'a server that does not search'
ok 'all are there' mdcmp -n md orig/INBOX
serve_odd -e 'messages 90' -e 'on uid search: bad Command Error. 10'
fetch md
status_is 0 'nor knows what that is'
ok 'all are there' mdcmp -n md orig/INBOX
done_testing
