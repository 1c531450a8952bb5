#!/bin/sh
# make install: everything where it belongs, and found from there; bash completion out of the option table.
. "${0%/*}/../lib/sh"

unset MSTOOLS_WORKER
if ! make -C "$root" install "BUILD=$BUILD" "DESTDIR=$T/dest" PREFIX=/usr >log 2>&1; then
	fail 'make install'
	diag_file 'make install' log
	done_testing
fi
pass 'make install'
cd dest/usr || exit 1
for p in mstoken msfetch msmark msls mscheck msgrant msfilter msfleet; do
	ok "$p is there and runs" [ -x bin/$p ]
	ok "$p.1 is there" [ -f share/man/man1/$p.1 ]
done
ok 'msworker is there' [ -x libexec/mstools/msworker ]
ok 'mstools-config.5 is there' [ -f share/man/man5/mstools-config.5 ]
ok 'mstools.7 is there' [ -f share/man/man7/mstools.7 ]
is "$(find . -type f -perm /022)" '' 'nothing is writable by others'
is "$(find "$T/dest" -type d -perm /022)" '' 'no directory either'

# The installed program finds the installed worker: it gets as far as a refused connection.
printf 'eyJ0.eyJ9.x\n' >"$T/token"
run bin/msls -u box@contoso.example --host localhost --port 1 --ca-file "$root/tests/lib/sh" INBOX <"$T/token"
stderr_unlike 'worker' 'the worker is found'

# And where it is not, or may not be run.
built_in=$(strings bin/msls | grep -x '/.*/libexec/mstools' | head -n 1)/msworker
if [ -x "$built_in" ]; then
	skip 'no worker' "there is one in $built_in"
else
	chmod 644 libexec/mstools/msworker
	run bin/msls -u box@contoso.example --host localhost --port 1 INBOX <"$T/token"
	status_is 71 'a worker that is not executable'
	stderr_like "^msls: $built_in: cannot run the worker: No such file" 'the last place is named'
	mv libexec/mstools/msworker libexec/msworker
	chmod 755 libexec/msworker
	run bin/msls -u box@contoso.example --host localhost --port 1 --ca-file "$root/tests/lib/sh" INBOX <"$T/token"
	stderr_unlike 'worker' 'it is also found in libexec itself'
	rm libexec/msworker
	run bin/msls -u box@contoso.example --host localhost --port 1 INBOX <"$T/token"
	status_is 71 'no worker at all'
	stderr_like '^hint: .*install again' 'and what to do'
fi

if command -v bash >/dev/null 2>&1; then
	mkdir -p "$HOME/.config/mstools"
	printf 'account work {\n}\n\taccount "two" { user = x }\n' >"$HOME/.config/mstools/config"
	cat >"$T/complete" <<'END'
program=$1 completion=$2
shift 2
compopt() { :; }
. "$completion"
COMP_WORDS=("${program##*/}" "$@")
COMP_CWORD=$#
PATH=${program%/*}:$PATH
_mstools "${program##*/}"
printf '%s ' "${COMPREPLY[@]}"
END
	for p in mstoken msfetch msmark msls; do
		ok "completion of $p" [ -e share/bash-completion/completions/$p ]
	done
	completed() {
		bash "$T/complete" "$T/dest/usr/bin/$1" "$T/dest/usr/share/bash-completion/completions/$1" "$2" ${3+"$3"} ${4+"$4"}
	}
	is "$(completed msfetch --lock)" '--lock-wait ' 'an option'
	is "$(completed mstoken --cloud g)" 'global gcc-high ' 'its value'
	is "$(completed mstoken --alg = R)" 'RS256 ' 'its value after ='
	is "$(completed msls -a '')" 'work two ' 'the accounts of the configuration'
	mkdir "$T/dest/usr/Mail"
	is "$(completed msfetch Ma)" 'Mail ' 'a directory, for a Maildir'
else
	skip 'bash completion' 'no bash'
fi
done_testing
