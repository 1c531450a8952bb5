#!/bin/sh
# An archive, msfetch --tree --keep-flags --crlf, opened by Dovecot and notmuch as
# it is: folders, counts, flags, dates and bodies are the server's.  The worked
# example of mstools-filters(7), run as it is printed.
# shellcheck disable=SC2119,SC2153
. "${0%/*}/../lib/sh"
page=$root/man/mstools-filters.7
stand_up imap
stand_config <<X
	token-file = "$T/token"
X
token >token
chmod 600 token

recipe() {
	awk -v name="# recipe: $1" '
		/^\.Bd/ { on = 1; text = ""; found = 0; next }
		/^\.Ed/ { if (found) { printf "%s", text; exit } on = 0; next }
		on { if ($0 == name) found = 1; gsub(/\\e/, "\\"); text = text $0 "\n" }
	' "$page"
}

#
# The mailboxes.  Every message has a Message-ID of its own, so that notmuch does not merge two.
#

n=0
mkdir mail
for file in "$(stand corpus)"/*[27].stand; do
	n=$((n + 1))
	[ $((n % 5)) -lt 3 ] || continue
	header=$(sed '/^\r*$/q' "$file" | tr -d '\000')
	case $header in From\ *) continue ;; esac
	# doveadm shows NUL, which the server sends as 0x80
	[ "$(tr -d '\000' <"$file" | wc -c)" -eq "$(wc -c <"$file")" ] || continue
	{
		printf 'Message-ID: <%s@stand.example>\nFrom: Stand <a@b.example>\n' $n
		# its own would be the second
		sed '/^[Mm][Ee][Ss][Ss][Aa][Gg][Ee]-[Ii][Dd]:/s/^/X-/' "$file"
	} >mail/$n
	touch -r "$file" mail/$n
done
# put USER FOLDER FIRST-LAST: those of the messages.
ls mail | sort -n >names
put() {
	case $2 in
	*.*)	# "stand save" has no way to such a folder
		stand doveadm mailbox create -u "$1" "$2" 2>/dev/null
		for name in $(sed -n "$3p" names); do
			stand doveadm save -u "$1" -m "$2" <"mail/$name"
		done ;;
	*)
		# shellcheck disable=SC2046
		stand save "$1" "$2" $(sed -n "$3p" names | sed "s|^|$T/mail/|") ;;
	esac
	sed -n "$3p" names | while read -r name; do
		mkdir -p "of/$1" && cp -p "mail/$name" "of/$1/$name"
	done
}
flag() {
	stand doveadm flags add -u "$1" "$4" mailbox "$2" uid "$3"
}
total=$(wc -l <names)
ok 'enough messages' [ "$total" -ge 20 ]

a=sales@contoso.example
put $a INBOX 1,6
put $a 'Kunden/2026/März' 7,8
put $a 'Kunden/2026' 9
put $a 'v1.2/a.b' 10,11
put $a 'Mit Leerzeichen/x y' 12
put $a '日本' 13,14
put $a 'R&D ~tilde' 15
put $a Drafts 16
flag $a INBOX 1:3 '\Seen'
flag $a INBOX 3,4 '\Flagged'
flag $a INBOX 2 '\Answered'
flag $a 'v1.2/a.b' 1 '\Seen \Flagged'
flag $a '日本' 2 '\Draft'
put support@contoso.example INBOX 1,3
put support@contoso.example 'Deleted Items' 4
put info@contoso.example 'a.b/c/d' 17,19
rm of/$a/"$(sed -n 16p names)" of/support@contoso.example/"$(sed -n 4p names)"

#
# As printed
#

archive() {
	(cd "$HOME" && sh "$T/run" >"$T/out" 2>"$T/err")
	status=$?
	ran='recipe archive'
	out_file=$T/out err_file=$T/err
	status_is 0 "$1"
	stderr_is '' "$1: nothing to say"
}
recipe archive >run
archive 'the three mailboxes'
for box in sales support info; do
	ok "$box: all of them, byte for byte" mdcmp -rc "$HOME/archive/$box" of/$box@contoso.example
done

# What is fetched, as a list of the files without their flags.
files() {
	find "$HOME/archive" -type f -path '*/[cn][ue][rw]/*' | sed 's|.*/||; s|:2,.*||' | LC_ALL=C sort
}
files >files.first

#
# Dovecot, with the configuration of the page.  It serves nobody who is root.
#

uid=$(id -u)
gid=$(id -g)
as=
if [ "$uid" -eq 0 ]; then
	uid=65534
	gid=65534
	as='setpriv --reuid=65534 --regid=65534 --clear-groups'
	chmod 711 "$T" "$HOME"
fi
recipe dovecot.conf >printed.conf
cat >dovecot.conf <<X
log_path = /dev/stderr
base_dir = $T/dovecot-base
mail_uid = $uid
mail_gid = $gid
first_valid_uid = 1
protocols =
ssl = no
!include $T/printed.conf
X
[ -z "$as" ] || chown -R $uid:$gid "$HOME/archive"
# dovecot BOX COMMAND...: doveadm on the archive of it.
dovecot() {
	served=$1
	shift
	# shellcheck disable=SC2086
	$as env USER="$served" HOME="$HOME" doveadm -c "$T/dovecot.conf" "$@" 2>>dovecot.err
}
# doveadm gives the line ends of the file: mdcmp has compared those.
# The messages of all folders but those that the recipe leaves out, sorted, with all that a reader sees.
seen_by() {
	"$@" -f json fetch 'mailbox flags date.received size.virtual hdr body' all |
	    jq -c '.[] | select(.mailbox != "Drafts" and .mailbox != "Deleted Items") |
		.flags |= (split(" ") | map(select(. != "\\Recent")) | sort) | (.hdr, .body) |= gsub("\r\n"; "\n")' |
	    LC_ALL=C sort
}
server() {
	shift 3
	stand doveadm -f json fetch -u "$whose" "$@"
}
for box in sales support info; do
	whose=$box@contoso.example
	seen_by server >server.list
	seen_by dovecot $box >archive.list
	[ $box != sales ] || cp server.list sales.list
	same_file archive.list server.list "$box: Dovecot shows what the server shows"
	is "$(wc -l <archive.list)" "$(find of/$whose -type f | wc -l)" "$box: as many messages"
done
is "$(dovecot sales mailbox list | LC_ALL=C sort | tr '\n' ';')" \
    'INBOX;Kunden;Kunden/2026;Kunden/2026/März;Mit Leerzeichen;Mit Leerzeichen/x y;R&D ~tilde;v1.2;v1.2/a.b;日本;' \
    'the names of the folders'

[ -z "$as" ] || chown -R 0:0 "$HOME/archive"

# Dovecot has moved what was new to cur, and left its own files: all is known still.
archive 'again'
files >files.now
same_file files.now files.first 'nothing comes twice after Dovecot was there'

#
# notmuch
#

if command -v notmuch >/dev/null; then
	recipe notmuch >run.notmuch
	run sh -e "$T/run.notmuch"
	status_is 0 'notmuch: runs as printed'
	stderr_is '' 'notmuch: and complains of no file'
	is "$(notmuch count --output=files '*')" "$(wc -l <files.first)" 'notmuch: every file'
	for pair in flagged:Flagged replied:Answered draft:Draft read:Seen; do
		want=$(jq -c --arg flag "\\${pair#*:}" 'select(.flags | index($flag))' sales.list | wc -l)
		ok "some are ${pair%:*}" test "$want" -gt 0
		tag="tag:${pair%:*}"
		[ "$tag" != tag:read ] || tag='not tag:unread'
		is "$(notmuch search --output=files "path:sales/** and $tag" | grep -c /archive/sales/)" "$want" \
		    "notmuch: as many ${pair%:*}"
	done
	find "$HOME/archive/sales" -type f -path '*/[cn][ue][rw]/*' | while read -r file; do
		id=$(sed -n 's/^Message-ID: <\(.*\)>\r*$/\1/p' "$file" | head -n 1)
		notmuch show --format=raw "id:$id" | cmp -s - "$file" || echo "$id"
	done >bad
	is "$(cat bad)" '' 'notmuch: the messages as they are'
else
	skip notmuch 'notmuch is not installed'
fi

archive 'after notmuch'
put $a 'v1.2/a.b' 20
archive 'one more message'
is "$(files | LC_ALL=C comm -13 files.first - | wc -l)/$(files | LC_ALL=C comm -23 files.first - | wc -l)" 1/0 'comes alone'
ok 'all of them, byte for byte' mdcmp -rc "$HOME/archive/sales" of/$a
done_testing
