/*
 * mailbox: the folders and messages of the scripted server.  Everything in it
 * outlives a connection.  Bodies are made on demand, the same for the same
 * folder and UID, so that a mailbox of any size costs nothing.
 */
'use strict';
const fs = require('fs');

const FIRST_DATE = Date.UTC(2024, 0, 1);
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const SUBSTITUTE = [
	'From: "Microsoft Exchange Server 2010" <postmaster@contoso.example>',
	'Subject: Retrieval using the IMAP4 protocol failed for the following message: %',
	'Date: Mon, 1 Jan 2024 00:00:00 +0000',
	'MIME-Version: 1.0',
	'Content-Type: text/plain; charset="us-ascii"',
	'',
	"The server couldn't retrieve the following message:",
	'',
	'Subject: "message %"',
	'From: "sender" ("EX:/o=contoso/cn=sender")',
	'',
	"The message hasn't been deleted. You might be able to view it using either Outlook or Outlook Web App.",
	'',
].join('\r\n');

function
internalDate(ms)
{
	const d = new Date(ms);
	const two = (n) => String(n).padStart(2, '0');

	return `${two(d.getUTCDate()).replace(/^0/, ' ')}-${MONTHS[d.getUTCMonth()]}-${d.getUTCFullYear()} ` +
	    `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`;
}

/* A message of about that many bytes: headers, then numbered lines; one in eight has 8-bit text and a lone dot. */
function
synthetic(folder, uid, date, bytes)
{
	const head = `From: Sender ${uid} <sender${uid}@contoso.example>\r\nTo: box@contoso.example\r\n` +
	    `Subject: message ${uid} of ${folder}\r\nDate: ${new Date(date).toUTCString()}\r\n` +
	    `Message-ID: <${uid}.${folder.replace(/[^A-Za-z0-9]/g, '-')}@contoso.example>\r\n\r\n`;
	const line = `${uid} ${'abcdefghijklmnopqrstuvwxyz0123456789 '.repeat(2)}\r\n`;
	const odd = uid % 8 === 0 ? 'gr\xfc\xdfe\r\n.\r\nFrom here on\r\n' : '';
	const text = head + odd + line.repeat(Math.max(0, Math.ceil((bytes - head.length - odd.length) / line.length)));

	return Buffer.from(text, 'latin1');
}

class Message {
	constructor(folder, uid, bytes)
	{
		this.folder = folder;
		this.uid = uid;
		this.bytes = bytes;
		this.flags = new Set();
		this.date = FIRST_DATE + uid * 600000;
		this.quirks = {};	/* KIND: { arg, left }, see scenario.js */
		this.data = null;
		this.made = null;
	}

	body()
	{
		const name = this.made || this;

		return this.data || synthetic(name.folder.name, name.uid, name.date, this.bytes);
	}

	substitute()
	{
		return Buffer.from(SUBSTITUTE.replace(/%/g, this.uid), 'latin1');
	}

	/* The quirk of that kind if it still applies; each call uses up one of its times. */
	quirk(kind)
	{
		const q = this.quirks[kind];

		if (!q || q.left === 0)
			return null;
		q.left--;
		return q;
	}

	header(name)
	{
		const head = this.body().toString('latin1').split('\r\n\r\n')[0];
		const field = new RegExp(`^${name}:[ \t]*((?:.*)(?:\r\n[ \t].*)*)`, 'im').exec(head);

		return field ? field[1] : null;
	}

	/* A copy for another folder: same content, date and flags. */
	copyTo(folder)
	{
		const copy = folder.add(1)[0];

		copy.bytes = this.bytes;
		copy.flags = new Set(this.flags);
		copy.date = this.date;
		copy.data = this.data;
		copy.made = this.made || { folder: this.folder, uid: this.uid, date: this.date };
		return copy;
	}
}

class Folder {
	constructor(name, uidvalidity, attributes, bytes)
	{
		this.name = name;
		this.uidvalidity = uidvalidity;
		this.attributes = attributes;
		this.bytes = bytes;
		this.uidnext = 1;
		this.messages = [];
	}

	add(count)
	{
		const added = Array.from({ length: count }, () => new Message(this, this.uidnext++, this.bytes));

		this.messages.push(...added);
		return added;
	}

	find(uid)
	{
		return this.messages.find((m) => m.uid === uid);
	}

	/* Sequence number, 1 being the first. */
	sequence(message)
	{
		return this.messages.indexOf(message) + 1;
	}

	remove(message)
	{
		this.messages.splice(this.messages.indexOf(message), 1);
	}

	/* The same messages in the same order under new UIDs. */
	renumber(uidvalidity)
	{
		this.uidvalidity = uidvalidity;
		this.uidnext = 1;
		for (const m of this.messages) {
			m.made = m.made || { folder: this, uid: m.uid, date: m.date };
			m.uid = this.uidnext++;
		}
	}
}

class Mailbox {
	constructor()
	{
		this.folders = new Map();	/* lower-case name → Folder */
		this.bytes = 2000;
		for (const [name, uidvalidity, attributes] of [
			['INBOX', 14, '\\Marked \\HasNoChildren'], ['Drafts', 16, '\\HasNoChildren \\Drafts'],
			['Sent Items', 15, '\\HasNoChildren \\Sent'], ['Deleted Items', 13, '\\HasNoChildren \\Trash'],
			['Junk Email', 17, '\\HasNoChildren \\Junk'], ['Calendar', 18, '\\HasNoChildren'],
		])
			this.create(name, uidvalidity, attributes);
	}

	create(name, uidvalidity = 20 + this.folders.size, attributes = '\\HasNoChildren')
	{
		const folder = new Folder(name, uidvalidity, attributes, this.bytes);

		this.folders.set(name.toLowerCase(), folder);
		return folder;
	}

	find(name)
	{
		return this.folders.get(name.toLowerCase());
	}

	rename(from, to)
	{
		const folder = this.find(from);

		this.folders.delete(from.toLowerCase());
		folder.name = to;
		this.folders.set(to.toLowerCase(), folder);
	}

	/* Each message as a file DIR/FOLDER/UID, for a comparison. */
	dump(dir)
	{
		for (const folder of this.folders.values()) {
			const sub = `${dir}/${folder.name.replace(/\//g, '.')}`;

			if (!folder.messages.length)
				continue;
			fs.mkdirSync(sub, { recursive: true });
			for (const m of folder.messages)
				fs.writeFileSync(`${sub}/${m.uid}`, m.body());
		}
	}
}

module.exports = { Mailbox, internalDate };
