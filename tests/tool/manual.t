#!/bin/sh
# The option table, --help, completion and manual pages say the same; the pages
# are clean; the troubleshooting page is the table's (tests/unit/diag.c).
. "${0%/*}/../lib/sh"

man=$root/man
command -v mandoc >/dev/null || skip_all 'mandoc is not installed'

# Pages as text, without overstriking.
plain() {
	mandoc -Tascii "$@" | sed "s/.$(printf '\b')//g"
}

# Long options of PROGRAM, as --help shows them.
help_options() {
	"$1" --help | sed -n 's/^ *\(-[a-zA-Z0-9], \)\{0,1\}--\([a-z0-9-]*\).*/\2/p' | sort -u
}
# Letters likewise.
help_letters() {
	"$1" --help | sed -n 's/^ *-\([a-zA-Z0-9]\), --.*/\1/p' | sort -u
}
# Scripts hand other programs' options on, which stand in their pages' running text.
page_options() {
	case $1 in
	mscheck | msgrant)
		plain "$man/$1.1" | grep -o -- '--[a-z][a-z0-9-]*' | sed 's/^--//' | sort -u
		return ;;
	esac
	sed -n '/^\.It .*Fl -/s/.*Fl -\([a-z0-9-]*\).*/\1/p' "$man/$1.1" | sort -u
}
page_letters() {
	sed -n 's/^\.It Fl \([a-zA-Z0-9]\) .*Fl -.*/\1/p' "$man/$1.1" | sort -u
}

for p in mstoken msfetch msmark msls mscheck msgrant msfilter msfleet; do
	if ! command -v "$p" >/dev/null; then
		fail "$p is there"
		continue
	fi
	help_options "$p" >help
	ok "$p --help lists options" [ -s help ]
	page_options "$p" >page
	is "$(comm -23 help page | tr '\n' ' ')" '' "$p: the page has every option of --help"
	case $p in
	mstoken | msfetch | msmark | msls)
		is "$(comm -13 help page | tr '\n' ' ')" '' "$p: --help has every option of the page"
		"$p" --complete-spec | sed 's/\t.*//; s/.*--//' | sort -u >spec
		is "$(comm -3 spec help | tr '\n\t' '  ')" '' "$p: completion and --help agree" ;;
	esac
	is "$(help_letters "$p" | tr -d '\n')" "$(page_letters "$p" | tr -d '\n')" "$p: the same letters"
done

# getopt takes each option that --help shows, with a value where it says so.
for p in mstoken msfetch msmark msls; do
	refused=
	"$p" --complete-spec >spec
	while IFS='	' read -r forms kind; do
		o=${forms##*,}
		case $o in --help | --version) continue ;; esac
		if [ "$kind" = none ]; then
			set -- "$o" --no-such-option
		else
			set -- "$o" --no-such-option --no-such-option
		fi
		"$p" "$@" >/dev/null 2>err
		grep -q 'unknown option --no-such-option' err || refused="$refused $o"
	done <spec
	is "$refused" '' "$p: getopt knows every option, and which take a value"
	run "$p" --version
	status_is 0 "$p --version"
	stdout_like "^$p (\\(mstools\\) )?[0-9]" "$p --version says $p and a number"
done

# Scripts answer to --help and --version too.
for p in mscheck msgrant msfilter msfleet; do
	run "$p" --version
	status_is 0 "$p --version"
	stdout_like "^$p (\\(mstools\\) )?[0-9]" "$p --version says $p and a number"
	run "$p" --no-such-option
	status_is 64 "$p: an unknown option is a usage error"
	stderr_like "^$p: unknown option" "$p: says so"
done

# Keys: those of the table are those of mstools-config(5).
sed -n 's/^	{ "\([a-z0-9-]*\)", [^,]*, [^,]*, true, .*/\1/p' "$root/lib/base/opt_table.c" | sort -u >keys
sed -n 's/^\.It Cm \([a-z0-9-]*\).*/\1/p' "$man/mstools-config.5" | sort -u >page
ok 'the table has keys' [ -s keys ]
is "$(comm -3 keys page | tr '\n\t' '  ')" '' 'mstools-config(5) has every key and no other'

# Every status that a program may end with stands on its page.
for p in mstoken msfetch msmark msls; do
	[ -e "$man/$p.1" ] || { fail "$p.1 is there"; continue; }
	missing=
	for s in 0 64 69 70 71 74 75 76 77 78; do
		grep -Eq "^\.It( Li)? $s$" "$man/$p.1" || missing="$missing $s"
	done
	is "$missing" '' "$p.1: a line for each status"
done

for page in "$man"/*.[157]; do
	name=${page##*/}
	is "$(mandoc -Tlint -Wwarning "$page" 2>&1)" '' "$name: mandoc finds nothing"
	sed -n 's/^\.Xr \(ms[a-z-]*\) \([157]\).*/\1.\2/p' "$page" | sort -u >refers
	missing=
	while read -r x; do
		[ -e "$man/$x" ] || missing="$missing $x"
	done <refers
	is "$missing" '' "$name: refers to pages that are there"
	case $name in *.1) ok "$name: has examples" grep -q '^\.Sh EXAMPLES' "$page" ;; esac
done

# No page speaks of an option that no program has.
cat help spec "$root"/scripts/ms* >all
for p in mstoken msfetch msmark msls; do help_options "$p"; done >>all
for o in $(plain "$man"/*.[157] | grep -o -- '--[a-z][a-z0-9-]*[a-z0-9]' | sort -u); do
	grep -q -- "${o#--}" all || echo "$o"
done >unknown
# Of other programs, in examples.
grep -vxE -e '--(page|line|no-such-option)' unknown >left
is "$(tr '\n' ' ' <left)" '' 'no page speaks of an option that is not there'
done_testing
