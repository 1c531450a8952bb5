#!/bin/sh
# Maildirs that are none, not ours to write, full, or without their state: one clear line, and nothing spoilt.
. "${0%/*}/../lib/sh"

box=box@contoso.example
stand_up imap
corpus=$(stand corpus $box INBOX)
token >token

echo hello >file
fetch file
status_is 73 'a file: 73'
stderr_like 'msfetch: .*file: ' 'it is named'
is "$(cat file)" hello 'and left as it was'
mkdir foreign
echo x >foreign/letter.txt
fetch foreign
status_is 73 'a directory of something else: 73'
is "$(ls -A foreign)" letter.txt 'nothing is made in it'
fetch nowhere/box
status_is 73 'its parent does not exist: 73'
ok 'and is not made' test ! -e nowhere
mkdir -p half/new
fetch half
status_is 0 'a Maildir that is half made is completed'
mkdir empty
fetch empty
status_is 0 'an empty directory becomes one'
ok 'byte for byte' mdcmp empty "$corpus"
ln -s empty link
fetch link
status_is 0 'a symbolic link to one'
stdout_is '' 'is the same one'

if [ "$(id -u)" -ne 0 ]; then
	mkdir ro
	chmod 500 ro
	fetch ro
	status_is 73 'a directory that we may not write: 73'
fi

# A file system that has become read-only: root cannot write there either.
mkdir readonly
if mount -t tmpfs -o size=20m readonly readonly 2>/dev/null; then
	fetch -q readonly/md
	mount -o remount,ro readonly
	fetch readonly/md
	status_is 73 'a Maildir on a read-only file system: 73'
	stderr_like 'msfetch: .*readonly/md.*Read-only file system' 'it is named'
	fetch readonly/new
	status_is 73 'one that would have to be made there: 73'
	stderr_like 'msfetch: .*readonly/new.*Read-only file system' 'it is named, too'
	umount readonly
else
	skip 'a read-only file system: 73' 'cannot mount a tmpfs'
fi

# The state is lost.
cp -a empty lost
rm lost/.mstools.db*
fetch lost
status_is 78 'a Maildir without its state: 78'
stderr_like '--rebuild.*--baseline' 'with the choice there is'
is "$(ls lost/new | wc -l)" "$(ls empty/new | wc -l)" 'nothing is fetched'
rm lost/.mstools.id
fetch lost
status_is 78 'also when only the names tell'
fetch --baseline lost
status_is 0 '--baseline'
fetch lost
status_is 0 'then it goes on'
stdout_is '' 'with what is new'
cp -a empty other
run msfetch $imap_args -u $box --state other/.mstools.db mixed <token
status_is 0 'a new Maildir with a state of its own place'
fetch empty2
cp empty2/.mstools.db empty/.mstools.db
fetch empty
status_is 78 'the state of another Maildir: 78'

# A damaged state.
cp -a empty2 damaged
dd if=/dev/zero of=damaged/.mstools.db bs=1024 seek=4 count=40 conv=notrunc 2>/dev/null
fetch damaged
status_is 74 'a damaged state: 74'
stderr_like 'mstools.db' 'it is named'

# A full disk: nothing half-delivered, and it goes on when there is room.
mkdir small
if mount -t tmpfs -o size=400k tmpfs small 2>/dev/null; then
	fetch small/md
	status_is 74 'a full disk: 74'
	cp "$out_file" got
	ok 'what is there is whole' mdcmp -s small/md "$corpus"
	mount -o remount,size=20m small
	fetch small/md
	status_is 0 'when there is room'
	cat "$out_file" >>got
	ok 'the rest follows' mdcmp small/md "$corpus"
	is "$(cut -f 4 got | sort -n | uniq | wc -l)" "$(find "$corpus" -type f | wc -l)" 'each has its receipt'
	umount small
else
	skip 'a full disk: 74' 'cannot mount a tmpfs'
fi
done_testing
