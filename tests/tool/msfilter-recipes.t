#!/bin/sh
# The recipes of mstools-filters(7), taken out of the page and run as they are
# printed: every message ends where the rule says, once.
# shellcheck disable=SC2119,SC2153
. "${0%/*}/../lib/sh"
stand_up
stand_config <<'X'
	token-cmd = "mstoken -a work"
X

# recipe NAME: its text.
recipe() {
	awk -v name="# recipe: $1" '
		/^\.Bd/ { on = 1; text = ""; found = 0; next }
		/^\.Ed/ { if (found) { printf "%s", text; exit } on = 0; next }
		on { if ($0 == name) found = 1; gsub(/\\e/, "\\"); text = text $0 "\n" }
	' "$root/man/mstools-filters.7"
}
is "$(grep -c '^# recipe: ' "$root/man/mstools-filters.7")" 10 'as many recipes as are run here'

i=0
while [ $i -lt 12 ]; do
	i=$((i + 1))
	what=news
	[ $((i % 3)) -ne 0 ] || what='your order'
	printf 'From: a@b.example\nMessage-ID: <%s@x>\nSubject: %s %s\n\nbody %s\n' $i "$what" $i $i >"m$i"
done
stand save box@contoso.example INBOX m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12

# The numbers of the messages in a directory of files, in order.
numbers() {
	find "$1" -type f -path "${2:-*}" ! -name 'dovecot*' ! -name '.mstools*' ! -name maildirfolder -exec sed -n 's/^body //p' {} + 2>/dev/null |
	    sort -n | tr '\n' ' '
}
try() {
	rm -rf "$HOME/filtered" "$HOME/spool" "$HOME/Maildir" "$HOME"/work.db* "$HOME/got"* "$HOME/accepted"
	(cd "$HOME" && recipe "$1" >"$T/run" && sh "$T/run" >"$T/out" 2>"$T/err")
	is "$?" 0 "$1: runs" || diag_file 'standard error' err
}
# sorted NAME ORDERS INBOX
sorted() {
	is "$(numbers "$2")" '3 6 9 12 ' "$1: the orders"
	is "$(numbers "$3")" '1 2 4 5 7 8 10 11 ' "$1: the others"
}
have() {
	command -v "$1" >/dev/null || { skip "$2" "$1 is not installed"; return 1; }
}

if have procmail procmail; then
	recipe procmail.rc >"$HOME/procmail.rc"
	try procmail
	sorted procmail "$HOME/filtered/orders" "$HOME/filtered/inbox"
	# The second run has nothing to do.
	(cd "$HOME" && sh "$T/run" >"$T/out" 2>"$T/err")
	sorted 'procmail, again' "$HOME/filtered/orders" "$HOME/filtered/inbox"
fi

if have maildrop maildrop; then
	recipe mailfilter >"$HOME/mailfilter"
	try maildrop
	sorted maildrop "$HOME/filtered/orders" "$HOME/filtered/inbox"
	is "$(numbers "$HOME/spool")" '' 'maildrop: the spool is empty'
fi

if have mdeliver mblaze; then
	try mblaze
	sorted mblaze "$HOME/filtered/orders" "$HOME/filtered/inbox"
	is "$(numbers "$HOME/spool")" '' 'mblaze: the spool is empty'
	try mdeliver
	is "$(numbers "$HOME/filtered/inbox")" '1 2 3 4 5 6 7 8 9 10 11 12 ' 'mdeliver: all of them'
fi

try shell
sorted shell "$HOME/filtered/orders" "$HOME/filtered/inbox"
run mscheck -a work
stdout_like 'INBOX +12 messages, 0 unseen' 'shell: all are marked as read'

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
	chown -R $uid:$gid "$HOME/Maildir" "$HOME/orders.sieve"
	chmod 711 "$HOME"
	exec $as /usr/bin/sieve-filter -c "$T/dovecot.conf" "\$@"
	X
	chmod +x bin/sieve-filter
	recipe orders.sieve >"$HOME/orders.sieve"
	PATH=$T/bin:$PATH
	sed -i 's/^}$/	maildir = ~\/Maildir\n}/' "$HOME/.config/mstools/config"
	try sieve
	is "$(numbers "$HOME/Maildir/.orders")" '3 6 9 12 ' 'sieve: the orders'
	is "$(numbers "$HOME/Maildir" '*/Maildir/[cn][ue][rw]/*')" '1 2 4 5 7 8 10 11 ' 'sieve: the others'
fi

# The archive: three mailboxes, each a tree.
for box in sales support info; do
	stand save "$box@contoso.example" INBOX m1 m2
	stand save "$box@contoso.example" 'Kunden/2026' m3
done
try archive
for box in sales support info; do
	is "$(numbers "$HOME/archive/$box/new")" '1 2 ' "archive: the INBOX of $box"
	is "$(numbers "$HOME/archive/$box/.Kunden.2026")" '3 ' "archive: a folder of $box"
done
if command -v notmuch >/dev/null; then
	printf '[database]\npath=%s/archive\n[new]\ntags=new\n' "$HOME" >notmuch.conf
	NOTMUCH_CONFIG=$T/notmuch.conf notmuch new >/dev/null 2>err
	is "$(NOTMUCH_CONFIG=$T/notmuch.conf notmuch count --output=files '*')" 9 'archive: notmuch finds every file'
fi
done_testing
