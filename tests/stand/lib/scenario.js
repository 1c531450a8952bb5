/*
 * scenario: the short language in which a test says what is odd about the
 * scripted server.  A line is a setting, a rule, or a line of a script; the
 * README has the list.  Settings may also come while the server runs.
 */
'use strict';
const fs = require('fs');

const GREETINGS = {
	old: 'The Microsoft Exchange IMAP4 service is ready. [QQBNADAAUABSADAAMQBDAEEAMAAwADEANwAuAGUAdQByAHAA]',
	new: 'Microsoft Exchange IMAP4 service ready. 4b1f5e9e-3c1d-4c27-9b46-0b8f6e5a7d21 ' +
	    '(tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) [QQBNADAAUABSADAAMQA=]',
};
const CAPABILITIES = {
	old: ['IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+',
		'IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES ' +
		'CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+'],
	new: ['IMAP4 IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+',
		'IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT ENABLE IMAP4rev2 CLIENTACCESSRULES ' +
		'CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE BACKENDAUTHENTICATE-IR CHILDREN IDLE NAMESPACE LITERAL+'],
};

/* Quirks of one message: KIND takes this many words of argument. */
const QUIRKS = {
	nodata: 0, gone: 0, substitute: 0, nil: 0, quoted: 0, empty: 0, size: 1, order: 1, date: 'rest', flags: 'rest',
	no: 'rest', bad: 'rest', line: 'rest', cut: 3, literal: 1, file: 1, raw: 1,
};

/* Words; "a b" is one word, and \ in it takes the next character as it is. */
function
words(text)
{
	return (text.match(/"(?:[^"\\]|\\.)*"|\S+/g) || []).map((w) =>
	    (w.startsWith('"') && w.length > 1 ? w.slice(1, -1).replace(/\\(["\\])/g, '$1') : w));
}

/* \r \n \t \0 \xHH \\ in the text of raw. */
function
unescape(text)
{
	const plain = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' };

	return text.replace(/\\(x[0-9a-fA-F]{2}|[rnt0\\])/g, (all, c) =>
	    (c[0] === 'x' ? String.fromCharCode(parseInt(c.slice(1), 16)) : plain[c]));
}

/* UIDs of 5, 2-9 or *. */
function
uidsOf(folder, text)
{
	const range = /^(\d+)(?:-(\d+))?$/.exec(text);

	if (text === '*')
		return folder.messages;
	if (!range)
		throw new Error(`${text}: no UID`);
	return folder.messages.filter((m) => m.uid >= Number(range[1]) && m.uid <= Number(range[2] || range[1]));
}

class Scenario {
	constructor(mailbox)
	{
		this.mailbox = mailbox;
		this.rules = [];
		this.scripts = [];	/* { connection: number or 0 for every, lines: [[kind, text]] } */
		this.refused = new Set();	/* digests of tokens */
		this.seen = new Set();
		this.set = {
			greeting: GREETINGS.old, before: CAPABILITIES.old[0], after: CAPABILITIES.old[1], without: [],
			certificate: 'server', tls: undefined, plain: false, copyuid: 'before', order: 'asked', estimate: 17,
			errors: 10, delay: 0, refuse: 0, inflight: null, line: 10240, permanent:
			'\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent',
		};
	}

	/* One line. */
	add(line)
	{
		const script = /^([CS]):\s?(.*)$/.exec(line) || /^(!)\s*(.*)$/.exec(line);
		const rule = /^on\s+(\/.+?\/|[^/#:]+?)(?:\s+#(\d+)(-(\d+)?|\+)?)?\s*:\s*(.*)$/.exec(line);
		const [verb, ...rest] = words(line);

		if (script)
			this.addScript(script[1], script[2]);
		else if (/^script/.test(line))
			this.scripts.push({ connection: Number(rest[0] || 0), lines: [] });
		else if (rule)
			this.addRule(rule);
		else
			this.setting(verb, rest, line.slice(verb.length).trim());
	}

	addScript(kind, text)
	{
		if (!this.scripts.length)
			this.scripts.push({ connection: 0, lines: [] });
		this.scripts[this.scripts.length - 1].lines.push([kind, text]);
	}

	addRule([, event, first, more, last, actions])
	{
		const from = Number(first || 1);
		const open = !first || more === '+' || more === '-';

		this.rules.push({
			event: event.startsWith('/') ? event : event.toUpperCase(), count: 0, from, to: open ? Infinity : Number(last || from),
			actions: actions.split(/\s*;\s*/).filter((a) => a),
		});
	}

	/* An event has occurred: its actions, or null.  Each rule counts by itself; the last that fits wins. */
	fire(event)
	{
		const rules = this.rules.filter((r) => r.event === event);

		rules.forEach((r) => r.count++);
		const rule = rules.filter((r) => r.count >= r.from && r.count <= r.to).pop();

		return rule ? rule.actions : null;
	}

	setting(verb, args, text)
	{
		const handler = `set_${verb.replace(/-/g, '_')}`;

		if (typeof this[handler] === 'function')
			this[handler](args, text);
		else if (verb in this.set && args.length === 1)
			this.set[verb] = /^\d+$/.test(args[0]) ? Number(args[0]) : args[0];
		else
			throw new Error(`unknown line: ${verb} ${text}`);
	}

	set_greeting(args, text)
	{
		this.set.greeting = GREETINGS[text] || text;
		if (CAPABILITIES[text])
			[this.set.before, this.set.after] = CAPABILITIES[text];
	}

	set_before(args, text) { this.set.before = text; }
	set_after(args, text) { this.set.after = text; }
	set_permanent(args, text) { this.set.permanent = text; }
	set_without(args) { this.set.without.push(...args); }
	set_forget() { this.rules = []; }
	set_plain() { this.set.plain = true; }
	set_inflight(args, text) { this.set.inflight = { which: args[0], action: text.slice(args[0].length).trim() }; }

	/* bytes N: of messages made from here on */
	set_bytes([n])
	{
		this.mailbox.bytes = Number(n);
		for (const folder of this.mailbox.folders.values())
			folder.bytes = Number(n);
	}

	/* messages N, or: messages FOLDER N */
	set_messages(args)
	{
		const [name, n] = args.length === 1 ? ['INBOX', args[0]] : args;

		this.folder(name).add(Number(n));
	}

	/* folder NAME [UIDVALIDITY [ATTRIBUTES]] */
	set_folder([name, uidvalidity, ...attributes])
	{
		this.mailbox.create(name, uidvalidity ? Number(uidvalidity) : undefined,
		    attributes.length ? attributes.join(' ') : undefined);
	}

	set_no_folder([name]) { this.mailbox.folders.delete(name.toLowerCase()); }
	set_rename([from, to]) { this.mailbox.rename(from, to); }
	set_uidnext([name, n]) { this.folder(name).uidnext = Number(n); }
	set_uidvalidity([name, n]) { this.folder(name).uidvalidity = Number(n); }
	set_renumber([name, n]) { this.folder(name).renumber(Number(n)); }

	set_expunge([name, uids])
	{
		const folder = this.folder(name);

		for (const m of [...uidsOf(folder, uids)])
			folder.remove(m);
	}

	/* message [FOLDER] UIDS KIND [ARGUMENTS] [xN]: N times only */
	set_message(args)
	{
		const rest = /^[\d*]/.test(args[0]) ? ['INBOX', ...args] : args;
		const [name, uids, kind] = rest;
		const times = /^x(\d+)$/.exec(rest[rest.length - 1]);
		const arg = rest.slice(3, times ? -1 : undefined);

		if (!(kind in QUIRKS))
			throw new Error(`${kind}: no such quirk of a message`);
		for (const m of uidsOf(this.folder(name), uids))
			this.quirk(m, kind, arg, times ? Number(times[1]) : Infinity);
	}

	quirk(message, kind, arg, left)
	{
		if (kind === 'flags')
			message.flags = new Set(arg);
		else if (kind === 'date' && /^\d+$/.test(arg[0]))
			message.date = Number(arg[0]) * 1000;
		else if (kind === 'raw')
			message.data = fs.readFileSync(arg[0]);
		else if (kind === 'file')
			message.data = Buffer.from(fs.readFileSync(arg[0], 'latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
		else
			message.quirks[kind] = { arg: QUIRKS[kind] === 'rest' ? arg.join(' ') : arg, left };
	}

	folder(name)
	{
		const folder = this.mailbox.find(name);

		if (!folder)
			throw new Error(`${name}: no such folder`);
		return folder;
	}

	capabilities(which)
	{
		return this.set[which].split(' ').filter((c) => !this.set.without.includes(c)).join(' ');
	}

	/* refuse N: the first N different tokens are refused for ever */
	refuses(digest)
	{
		if (!this.seen.has(digest) && this.seen.size < this.set.refuse)
			this.refused.add(digest);
		this.seen.add(digest);
		return this.refused.has(digest);
	}

	scriptFor(connection)
	{
		const own = this.scripts.find((s) => s.connection === connection);

		return [...(own || this.scripts.find((s) => s.connection === 0) || { lines: [] }).lines];
	}
}

module.exports = { Scenario, unescape, words };
