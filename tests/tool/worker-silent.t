#!/bin/sh
# A worker that is alive and does nothing any more is not waited for; one that has nothing to do is left alone.
# shellcheck disable=SC2086,SC2154
. "${0%/*}/../lib/sh"

case $BUILD in *-san) skip_all 'the sanitizer must be the first library' ;; esac

box=box@contoso.example
(umask 077; echo token-that-will-do >token)

# The five minutes of the parent's patience (crew.h) pass in SPEED times less; the worker has the clock of us all.
SPEED=40
cat >fast.c <<'X'
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, id, ts);
	long long ns;

	if (r == 0 && id == CLOCK_MONOTONIC) {
		ns = (ts->tv_sec * 1000000000LL + ts->tv_nsec) * SPEED;
		ts->tv_sec = ns / 1000000000;
		ts->tv_nsec = ns % 1000000000;
	}
	return (int)r;
}

int
poll(struct pollfd *p, nfds_t n, int ms)
{
	long long ns = ms * 1000000LL / SPEED;
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	return ppoll(p, n, ms < 0 ? NULL : &ts, NULL);
}

int
__poll_chk(struct pollfd *p, nfds_t n, int ms, size_t size)
{
	(void)size;
	return poll(p, n, ms);
}
X
${CC:-cc} -D_GNU_SOURCE -DSPEED=$SPEED -O1 -shared -fPIC -o fast.so fast.c || bail_out 'no library'
fast() {
	LD_PRELOAD=$T/fast.so exec "$@"
}

workers() { # of the process
	for p in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		case $(cat "/proc/$p/comm" 2>/dev/null) in msworker) echo "$p" ;; esac
	done
}

# Stopped in the middle of its work.
exchange_up -e 'messages 12' -e 'delay 300'
spawn stopped fast msfetch $imap_args --token-file token -u $box --timeout 1 -v md
fetch=$pid
wait_for "grep -q 'bytes)' '$exchange_log'"
worker=$(workers $fetch)
ok 'it has a worker' test "$worker"
begun=$(date +%s)
kill -STOP $worker
finish $fetch 40
status_is 0 'a worker is stopped: another takes over'
took=$(($(date +%s) - begun))
ok "after $took s, not before its time" test $took -ge $((300 / SPEED - 1))
like "$(cat stopped.err)" 'gave no sign of life and was killed' 'the reason is told'
is "$(find md/new -type f | wc -l)" 12 'all messages are there'
is "$(cut -f 4 stopped.out | sort | uniq -d)" '' 'none of them twice'
ok 'the stopped one has gone' test ! -e "/proc/$worker"

# A command of --pipe that takes longer than a worker may be silent.
exchange_down
exchange_up -e 'messages 3'
run env LD_PRELOAD="$T/fast.so" msfetch $imap_args --token-file token -u $box --timeout 1 -v --pipe-timeout 1d \
    --pipe "[ \$MSTOOLS_UID != 2 ] || sleep $((400 / SPEED))" md2
status_is 0 'we are busy elsewhere'
stderr_unlike 'sign of life' 'no worker is blamed for it'
is "$(grep -c ' connect' "$exchange_log")" 1 'nor replaced'

# Again and again at the same message: that one is to blame.
cat >stuck.c <<'X'
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

ssize_t
write(int fd, const void *buf, size_t n)
{
	while (memmem(buf, n, "Subject: message 4 of", 21) != NULL)
		poll(NULL, 0, -1);
	return syscall(SYS_write, fd, buf, n);
}
X
${CC:-cc} -D_GNU_SOURCE -O1 -shared -fPIC -o stuck.so stuck.c || bail_out 'no library'
printf '#!/bin/sh\nLD_PRELOAD=%s exec %s "$@"\n' "$T/stuck.so" "$MSTOOLS_WORKER" >worker
chmod +x worker
exchange_down
exchange_up -e 'messages 6'
spawn again env LD_PRELOAD="$T/fast.so" MSTOOLS_WORKER="$T/worker" msfetch $imap_args --token-file token -u $box \
    --timeout 1 md3
finish $pid
status_is 65 'each worker is silent at the same message: 65'
is "$(cut -f 4 again.out | sort -n | tr '\n' ' ')" '1 2 3 5 6 ' 'the others are delivered'
like "$(cat again.err)" 'INBOX: message 4 is quarantined.*gave no sign of life' 'it is named, with the reason'
done_testing
