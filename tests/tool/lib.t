#!/bin/sh
# shellcheck disable=SC1091,SC2154
# tests/lib/sh itself: that what is wrong fails a test, and that nothing is left behind.
. "${0%/*}/../lib/sh"

# A program that fails as it is told: its arguments are the status and what it says.
mkdir -p fake/bin
cat >fake/bin/msfetch <<'E2'
#!/bin/sh
printf '%b' "$2" >&2
exit "$1"
E2
chmod +x fake/bin/msfetch

# nested TEXT: the outcome of a test with that text.
nested() {
	TMPDIR=$T BUILD=$T/fake sh -c ". '$root/tests/lib/sh'; $1" "$root/tests/tool/nested" >nested.out 2>nested.err
	result=$?
}

nested 'ok fine true; is 1 1 one; like abc a.c abc; run true; status_is 0; done_testing'
is "$result" 0 'a test that passes'
is "$(grep -c '^ok' nested.out)/$(tail -n 1 nested.out)" 4/1..4 'is counted'
nested 'is 1 2 one; done_testing'
is "$result" 1 'one that does not'
like "$(cat nested.err)" '^# expected: 2$' 'shows what was expected'
nested 'run msfetch 74 "msfetch: disk full\n"; status_is 74; done_testing'
is "$result" 0 'a program that says why it fails'
nested 'run msfetch 74 "disk full\n"; done_testing'
is "$result" 1 'one that does not say who it is'
nested 'run msfetch 77 "msfetch: refused\n"; done_testing'
is "$result" 1 'one that gives no hint where there must be one'
nested 'run msfetch 77 "msfetch: refused\nhint: ask\n"; done_testing'
is "$result" 0 'one that does'
nested 'manners=no; run msfetch 77 ""; done_testing'
is "$result" 0 'manners can be left aside'
nested 'done_testing; exit 0'
is "$(cat nested.out)" 1..0 'no test at all'

# Ended from outside: nothing stays.
cat >slow.sh <<E2
. '$root/tests/lib/sh'
spawn sleeper sleep 1000
echo "\$pid" >"$T/sleeper"
echo "\$T" >"$T/scratch.new"
mv "$T/scratch.new" "$T/scratch"
wait
E2
TMPDIR=$T sh -c '. "$1"' "$root/tests/tool/nested" "$T/slow.sh" &
slow=$!
wait_for '[ -s scratch ]'
kill -TERM $slow
wait $slow
is "$?" 143 'a test that is terminated'
ok 'leaves no directory' test ! -e "$(cat scratch)"
ok "and no process" sh -c "! kill -0 $(cat sleeper) 2>kill.err"
done_testing
