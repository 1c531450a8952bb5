#!/bin/sh
# The recipes of mstools-filters(7), taken out of the page and run as they are
# printed, by the real filters: every message ends where the rule says, once; a
# filter that fails for a message leaves it for later; one that is missing stops
# the run and loses nothing.
# shellcheck disable=SC2119,SC2153
. "${0%/*}/../lib/sh"
page=$root/man/mstools-filters.7
stand_up
stand_config <<'X'
	token-cmd = "mstoken -a work"
X

# recipe NAME: its text; a display of the page that begins with "# recipe: NAME".
recipe() {
	awk -v name="# recipe: $1" '
		/^\.Bd/ { on = 1; text = ""; found = 0; next }
		/^\.Ed/ { if (found) { printf "%s", text; exit } on = 0; next }
		on { if ($0 == name) found = 1; gsub(/\\e/, "\\"); text = text $0 "\n" }
	' "$page"
}
is "$(sed -n 's/^# recipe: //p' "$page" | grep -vx 'archive\|dovecot.conf\|notmuch' | tr '\n' ' ')" \
    'procmail.rc procmail mailfilter maildrop cron mblaze mdeliver orders.sieve sieve shell ' 'each of them is run here or in archive.t'
is "$(grep -c '^\.Bd' "$page")" "$(grep -c '^# recipe: ' "$page")" 'every display of the page is one'

# Mail that nobody here wrote, and among it four orders.  Each has its number.
mkdir mail
n=0
corpus=$(stand corpus)
for file in "$corpus"/*0[0-7].stand "$corpus"/*[57]5.stand; do
	header=$(sed '/^\r*$/q' "$file" | tr -d '\000')
	case $header in From\ *) continue ;; esac
	! matches "$header" '^[Ss][Uu][Bb][Jj][Ee][Cc][Tt]:.*[Oo][Rr][Dd][Ee][Rr]' || continue
	matches "$header" '^From:' || continue
	n=$((n + 1))
	{ echo "X-Number: $n"; cat "$file"; } >"mail/$n"
done
others=$(cd mail && printf '%s\n' * | sort -n | tr '\n' ' ')
for n in 901 902 903 904; do
	printf 'X-Number: %s\nFrom: a@b.example\nMessage-ID: <%s@x>\nSubject: Your Order %s\n\nNew: order %s\n' $n $n $n $n >mail/$n
done
orders='901 902 903 904 '
(cd mail && printf '%s\n' *) | shuf --random-source="$page" | sed "s|^|$T/mail/|" >names
# shellcheck disable=SC2046
stand save box@contoso.example INBOX $(cat names)
ok 'enough messages' [ "$(wc -l <names)" -ge 20 ]

# numbers DIRECTORY [PATTERN]: of the messages in it, in order.
numbers() {
	find "$1/" -type f -path "${2:-*}" ! -name 'dovecot*' ! -name '.mstools*' -exec grep -ahm 1 '^X-Number: ' {} + 2>/dev/null |
	    tr -cd '0-9\n' | sort -n | tr '\n' ' '
}
orders_in=$HOME/filtered/orders
inbox_in=$HOME/filtered/inbox

# try NAME STATUS DESC: runs what is in $T/run.
try() {
	(cd "$HOME" && sh "$T/run" >"$T/out" 2>"$T/err")
	status=$?
	ran="recipe $1"
	out_file=$T/out err_file=$T/err
	status_is "$2" "$1: $3"
}

# all_ways NAME COMMAND [STATUS]: the recipe with COMMAND missing; with a box that cannot be
# written to; as printed; and once more.  STATUS: of the recipe when messages are left over.
all_ways() {
	rm -rf "$HOME/filtered" "$HOME/spool" "$HOME/Maildir" "$HOME"/work.db* "$HOME"/.work* "$HOME/got"* "$HOME/accepted"*
	recipe "$1" >printed
	[ -s printed ] || bail_out "no recipe $1"
	sed "s/\\([ '(]\\|^\\)$2 /\\1no-such-$2 /" printed >run
	isnt "$(cat run)" "$(cat printed)" "$1: the command is found in the recipe"
	try "$1" 78 'a missing filter stops the run'
	is "$(numbers "$HOME/filtered")" '' "$1: nothing is filed"

	cp printed run
	obstruct
	try "$1" "${3:-75}" 'a box that cannot be written to'
	is "$(numbers "$inbox_in")" "$others" "$1: the others are filed"
	is "$(numbers "$orders_in")" '' "$1: the orders are not"
	release_box

	try "$1" 0 'runs as printed'
	filed "$1"
	try "$1" 0 'again'
	filed "$1, again"
}
filed() {
	is "$(numbers "$orders_in")" "$orders" "$1: the orders"
	is "$(numbers "$inbox_in")" "$others" "$1: the others"
}
obstruct() {
	rm -rf "$orders_in"
	mkdir -p "$HOME/filtered"
	ln -s /nonexistent/orders "$orders_in"
}
release_box() {
	rm -f "$orders_in"
}
# What was filed is the mail as it was put into the server.
same_mail() {
	rm -rf all
	mkdir -p all/new all/cur all/tmp
	find "$HOME/filtered" -type f | awk '{ printf "%s%c%s%c", $0, 0, "all/new/" NR, 0 }' | xargs -0 -n 2 ln
	mdcmp all mail
}
have() {
	command -v "$1" >/dev/null || { skip "$2" "$1 is not installed"; return 1; }
}
# The lines of a shell recipe are the text of $T/run, with another name.
as_written() {
	cat >run
	rm -rf "$HOME/filtered" "$HOME/spool" "$HOME"/work.db* "$HOME"/.work* "$HOME/got"*
}

if have procmail procmail; then
	recipe procmail.rc >"$HOME/procmail.rc"
	all_ways procmail procmail
	ok 'procmail: byte for byte' same_mail
	as_written <<-'X'
	mkdir -p ~/filtered
	msfetch -a work ~/spool >> got
	msfilter -f got -uq procmail -m BOXES=$HOME/filtered ~/procmail.rc
	X
	obstruct
	try 'procmail by msfilter' 75 'a box that cannot be written to'
	is "$(numbers "$HOME/spool/new")" "$orders" 'procmail by msfilter: the orders are left'
	release_box
	try 'procmail by msfilter' 0 'runs'
	filed 'procmail by msfilter'
fi

if have maildrop maildrop; then
	recipe mailfilter >"$HOME/mailfilter"
	all_ways maildrop maildrop
	is "$(numbers "$HOME/spool")" '' 'maildrop: the spool is empty'
	ok 'maildrop: byte for byte' same_mail
	# What cron would do with its line.
	rm -rf "$HOME/filtered/"*/new/* "$HOME/spool" "$HOME/got"*
	recipe cron | sed -n 's/^\*\/5 \* \* \* \*  //p' >run
	try cron 0 'runs as printed'
	filed cron
	as_written <<-'X'
	export BOXES=$HOME/filtered
	mkdir -p $BOXES && maildirmake.maildrop $BOXES/inbox; maildirmake.maildrop $BOXES/orders
	msfetch -a work --state ~/work.db --pipe 'maildrop ~/mailfilter'
	X
	try 'maildrop by --pipe' 0 'runs'
	filed 'maildrop by --pipe'
fi

if have mdeliver mblaze; then
	all_ways mblaze mhdr
	is "$(numbers "$HOME/spool")" '' 'mblaze: the spool is empty'
	ok 'mblaze: byte for byte' same_mail
	# Here there is one box.
	orders_were=$orders others_were=$others orders_in_was=$orders_in
	orders='' others='' orders_in=$inbox_in
	all_ways_one() {
		rm -rf "$HOME/filtered" "$HOME"/work.db* "$HOME"/.work*
		recipe mdeliver >printed
		sed 's/mdeliver/no-such-mdeliver/g' printed >run
		try mdeliver 78 'a missing filter stops the run'
		cp printed run
		obstruct
		try mdeliver 75 'a box that cannot be written to'
		release_box
		try mdeliver 0 'runs as printed'
		is "$(numbers "$inbox_in")" "$others_were$orders_were" 'mdeliver: all of them'
		ok 'mdeliver: byte for byte' same_mail
	}
	all_ways_one
	orders=$orders_were others=$others_were orders_in=$orders_in_was
fi

# The status of the recipe is msmark's: what is filed is marked, what is left is not.
all_ways_shell() {
	rm -rf "$HOME/filtered" "$HOME/spool" "$HOME/got"* "$HOME/accepted"*
	recipe shell >run
	obstruct
	try shell 0 'a box that cannot be written to'
	is "$(numbers "$inbox_in")" "$others" 'shell: the others are filed'
	seen_is 'shell: the others are marked' "$(echo "$others" | wc -w)"
	release_box
	try shell 0 'runs as printed'
	filed shell
	seen_is 'shell: all are marked' "$(wc -l <names)"
	try shell 0 'again'
	filed 'shell, again'
	ok 'shell: byte for byte' same_mail
}
seen_is() {
	is "$(stand doveadm search -u box@contoso.example mailbox INBOX seen | wc -l)" "$2" "$1"
}
all_ways_shell
as_written <<'X'
mkdir -p ~/filtered/orders ~/filtered/inbox
msfetch -a work --state ~/work.db --pipe 'cat > ~/tmp.$$ &&
	box=inbox
	if sed "/^$/q" ~/tmp.$$ | grep -qi "^subject:.*order"; then box=orders; fi
	mv ~/tmp.$$ ~/filtered/$box/$MSTOOLS_UID || { rm ~/tmp.$$; exit 75; }'
X
obstruct
try 'shell by --pipe' 75 'a box that cannot be written to'
release_box
try 'shell by --pipe' 0 'runs'
filed 'shell by --pipe'

if have sieve-filter sieve; then
	# The Dovecot of the user, as the recipe supposes it; it serves nobody who is root.
	uid=$(id -u)
	gid=$(id -g)
	as=
	if [ "$uid" -eq 0 ]; then
		uid=65534
		gid=65534
		as='setpriv --reuid=65534 --regid=65534 --clear-groups'
		chmod 711 "$T" "$HOME"
	fi
	mkdir -p bin
	cat >dovecot.conf <<-X
	mail_location = maildir:$HOME/Maildir
	log_path = /dev/stderr
	base_dir = $T/dovecot-base
	mail_uid = $uid
	mail_gid = $gid
	first_valid_uid = 1
	protocols =
	ssl = no
	X
	cat >bin/sieve-filter <<-X
	#!/bin/sh
	chown -R -h $uid:$gid "$HOME/Maildir" "$HOME/orders.sieve"
	exec $as /usr/bin/sieve-filter -c "$T/dovecot.conf" "\$@"
	X
	chmod +x bin/sieve-filter
	recipe orders.sieve >"$HOME/orders.sieve"
	PATH=$T/bin:$PATH
	recipe sieve >printed
	sed 's/^sieve-filter/no-such-sieve-filter/' printed >run
	try sieve 127 'a missing filter'
	is "$(numbers "$HOME/Maildir" | wc -w)" "$(wc -l <names)" 'sieve: all of them are there'
	cp printed run
	ln -s /nonexistent/orders "$HOME/Maildir/.orders"
	(cd "$HOME" && sh "$T/run" >"$T/out" 2>"$T/err")
	is "$(numbers "$HOME/Maildir" '*/Maildir/[cn][ue][rw]/*' | wc -w)" "$(wc -l <names)" 'sieve: what cannot be filed stays'
	rm "$HOME/Maildir/.orders"
	for again in '' ', again'; do
		try sieve 0 "runs as printed$again"
		is "$(numbers "$HOME/Maildir/.orders")" "$orders" "sieve$again: the orders"
		is "$(numbers "$HOME/Maildir" '*/Maildir/[cn][ue][rw]/*')" "$others" "sieve$again: the others"
	done
fi
done_testing
