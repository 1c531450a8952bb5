/*
 * session: an IMAP session of the scripted server: what Exchange Online is known
 * to say, unless the scenario says otherwise.
 */
'use strict';
const fs = require('fs');
const change = require('./change');
const { Connection, digest, sleep } = require('./connection');
const fetch = require('./fetch');
const { inSet, search } = require('./search');
const { unescape } = require('./scenario');

/* An astring as servers print it. */
function
quote(name)
{
	return /^[A-Za-z0-9/&,+_.~-]+$/.test(name) ? name : `"${name.replace(/(["\\])/g, '\\$1')}"`;
}

/* Arguments: atoms, quoted strings, literals and parenthesised lists (as text). */
function
tokens(text)
{
	const found = text.match(/\0[^\0]*\0|"(?:[^"\\]|\\.)*"|\((?:[^()"]|"(?:[^"\\]|\\.)*")*\)|[^\s()]+/g) || [];

	return found.map((t) => {
		if (t.startsWith('\0'))
			return t.slice(1, -1);
		return t.startsWith('"') ? t.slice(1, -1).replace(/\\(["\\])/g, '$1') : t;
	});
}

const BEFORE_LOGIN = ['CAPABILITY', 'NOOP', 'LOGOUT', 'AUTHENTICATE', 'LOGIN', 'ID'];

class Session {
	constructor(server, raw, socket, number)
	{
		this.scenario = server.scenario;
		this.mailbox = server.mailbox;
		this.set = server.scenario.set;
		this.script = this.scenario.scriptFor(number);
		this.authenticated = false;
		this.commands = 0;	/* since the login */
		this.errors = 0;
		this.folder = null;
		this.connection = new Connection(raw, socket, number, server.log, (text) => this.command(text));
	}

	/* No command is looked at before the greeting is out. */
	async start()
	{
		const c = this.connection;

		c.busy = true;
		try {
			await this.greet();
		} catch (err) {
			c.end('closed');
		}
		c.busy = false;
		c.run();
	}

	async greet()
	{
		const actions = this.scenario.fire('CONNECT');

		if (this.script.length)
			await this.play();
		else if (actions)
			await this.act(actions, () => this.send(`* OK ${this.set.greeting}`));
		else
			await this.send(`* OK ${this.set.greeting}`);
	}

	async send(text)
	{
		await this.connection.send(text);
		await this.lineSent();
	}

	/* on line: the line of its own doing does not count */
	async lineSent()
	{
		const actions = this.inLine ? null : this.scenario.fire('LINE');

		if (!actions)
			return;
		this.inLine = true;
		await this.act(actions, () => {});
		this.inLine = false;
	}

	/*
	 * Scripts: "S: text" is sent ($tag is the tag of the last command), "! action"
	 * is done, "C: expression" waits for a command that matches, its tag aside.
	 */
	async play()
	{
		while (this.script.length && this.script[0][0] !== 'C') {
			const [kind, text] = this.script.shift();

			if (kind === 'S')
				await this.send(text.replace(/\$tag/g, this.tag));
			else
				await this.act([text], () => {});
		}
	}

	async scripted(line)
	{
		const [, want] = this.script.shift();

		if (!new RegExp(want, 'i').test(line.replace(/^\S+ /, ''))) {
			this.connection.log(`MISMATCH, wanted: ${want}`);
			await this.connection.close('close');
		}
		await this.play();
	}

	logged(line)
	{
		const sasl = /^(\S+ AUTHENTICATE XOAUTH2 )(\S+)$/i.exec(line);

		if (sasl)
			return `${sasl[1]}${this.decode(sasl[2]).shown}`;
		return line.replace(/\0([^\0]*)\0/g, '{$1}');
	}

	/* The user and the token's digest in an initial response. */
	decode(base64)
	{
		const text = Buffer.from(base64, 'base64').toString('latin1');
		const m = /^user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01$/.exec(text);

		if (!m)
			return { shown: 'malformed' };
		return { user: m[1], digest: digest(m[2]), shown: `user=${m[1]} token=${digest(m[2])}` };
	}

	async command(line)
	{
		this.connection.log(`C: ${this.logged(line)}`);
		const [, tag, name, args] = /^(\S*) ?(UID \S+|\S*) ?([^]*)$/i.exec(line);

		this.tag = tag;
		if (this.script.length)
			return this.scripted(line);
		await this.brokenInFlight(name.toUpperCase());
		const actions = this.rule(name.toUpperCase(), args, line);

		if (actions)
			await this.act(actions, () => this.serve(name.toUpperCase(), args, line));
		else
			await this.serve(name.toUpperCase(), args, line);
	}

	/* The scenario may not bear that a command comes before the last is answered. */
	async brokenInFlight(name)
	{
		const rule = this.set.inflight;

		if (!rule || !this.authenticated)
			return;
		await sleep(5);
		if (this.connection.queue.length && (rule.which !== 'fetch' || name === 'UID FETCH'))
			await this.act(rule.action.split(/\s*;\s*/), () => {});
	}

	/* The scenario's actions for this command: by its text, by its name, as the first, as any. */
	rule(name, args, line)
	{
		const events = [name];

		if (name === 'UID FETCH')
			events.unshift(/BODY(\.PEEK)?\[\]/i.test(args) ? 'UID FETCH BODY' : 'UID FETCH LIST');
		if (this.authenticated) {
			if (this.commands++ === 0)
				events.push('FIRST');
			events.push('COMMAND');
		}
		for (const event of new Set(this.scenario.rules.map((r) => r.event).filter((e) => e.startsWith('/'))))
			if (new RegExp(event.slice(1, -1), 'i').test(line.replace(/^\S+ /, '')))
				events.unshift(event);
		/* every event is counted, the first that has a rule is acted on */
		return events.map((e) => this.scenario.fire(e)).find((a) => a);
	}

	async act(actions, byDefault)
	{
		for (const action of actions) {
			const [, verb, text] = /^(\S+)\s*(.*)$/.exec(action);

			await this.actOne(verb, text, byDefault);
		}
	}

	async actOne(verb, text, byDefault)
	{
		const c = this.connection;
		const filled = text.replace(/\$tag/g, this.tag);

		switch (verb) {
		case 'ok': case 'no': case 'bad':
			return this.reply(verb.toUpperCase(), filled);
		case 'bye':		return this.send(`* BYE ${filled}`);
		case 'send':		return this.send(filled);
		case 'raw':
			c.log(`S: (raw) ${filled}`);
			return c.write(unescape(filled));
		case 'file':		return c.write(fs.readFileSync(text));
		case 'default':		return byDefault();
		case 'close': case 'cut': case 'reset':
			return c.close(verb);
		case 'stall':		return c.stall();
		case 'sleep':		return sleep(Number(text));
		case 'slow':
			c.slow = Number(text);
			return undefined;
		case 'endless':		return c.endless(text);
		case 'expire':		return this.expire();
		default:		return this.scenario.add(`${verb} ${text}`);
		}
	}

	/* The token runs out: it will not be taken again. */
	async expire()
	{
		this.scenario.refused.add(this.token);
		await this.send('* BYE Session invalidated - AccessTokenExpired');
		await this.connection.close('close');
	}

	async reply(status, text)
	{
		await this.send(`${this.tag} ${status} ${text}`.trimEnd());
		if (status === 'OK' || ++this.errors < this.set.errors)
			return;
		await this.send('* BYE Connection closed. 14');
		await this.connection.close('close');
	}

	done(name)
	{
		return this.reply('OK', `${name} completed.`);
	}

	async serve(name, args, line)
	{
		const method = `do_${name.replace(/ /g, '_')}`;

		if (line.length > this.set.line)
			return this.reply('BAD', 'Command Error. 10');
		if (typeof this[method] !== 'function')
			return this.reply('BAD', 'Command Error. 12');
		if (!this.authenticated !== BEFORE_LOGIN.includes(name) && !['CAPABILITY', 'NOOP', 'LOGOUT', 'ID'].includes(name))
			return this.reply('BAD', 'Command received in Invalid state.');
		if (/"[^"\0]*\\"/.test(args) && name !== 'UID SEARCH')
			return this.reply('BAD', 'Command Argument Error. 12');
		return this[method](tokens(args), args);
	}

	async do_CAPABILITY()
	{
		await this.send(`* CAPABILITY ${this.scenario.capabilities(this.authenticated ? 'after' : 'before')}`);
		await this.done('CAPABILITY');
	}

	async do_NOOP() { await this.done('NOOP'); }

	async do_ID()
	{
		await this.send('* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")');
		await this.done('ID');
	}

	async do_LOGOUT()
	{
		await this.send('* BYE Microsoft Exchange Server IMAP4 server signing off.');
		await this.done('LOGOUT');
		await this.connection.close('close');
	}

	async do_LOGIN() { await this.reply('NO', 'LOGIN failed.'); }

	async do_AUTHENTICATE([mechanism, initial])
	{
		if ((mechanism || '').toUpperCase() !== 'XOAUTH2')
			return this.reply('NO', 'AUTHENTICATE failed.');
		if (initial && this.set.without.includes('SASL-IR'))
			return this.reply('BAD', 'Command Argument Error. 11');
		if (!initial) {
			await this.send('+ ');
			initial = await this.connection.nextLine();
			this.connection.log(`C: ${this.decode(initial).shown}`);
		}
		const who = this.decode(initial);

		if (!who.user || this.scenario.refuses(who.digest))
			return this.reply('NO', 'AUTHENTICATE failed.');
		this.authenticated = true;
		this.user = who.user;
		this.token = who.digest;
		return this.done('AUTHENTICATE');
	}

	async do_NAMESPACE()
	{
		await this.send('* NAMESPACE (("" "/")) NIL NIL');
		await this.done('NAMESPACE');
	}

	async do_LIST([reference, pattern], text)
	{
		if (/RETURN|^\(/i.test(text))
			return this.reply('BAD', 'Command Argument Error. 12');
		const like = new RegExp(`^${`${reference}${pattern}`.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
		    .replace(/\*/g, '.*').replace(/%/g, '[^/]*')}$`, 'i');

		for (const folder of this.mailbox.folders.values())
			if (like.test(folder.name))
				await this.send(`* LIST (${folder.attributes}) "/" ${quote(folder.name)}`);
		return this.done('LIST');
	}

	/* The folder of that name, or null after a NO. */
	async named(name)
	{
		const folder = this.mailbox.find(name || '');

		if (folder && !/\\Noselect/i.test(folder.attributes))
			return folder;
		await this.reply('NO', `${name} doesn't exist.`);
		return null;
	}

	async do_STATUS([name, items])
	{
		const folder = await this.named(name);

		if (!folder)
			return;
		const values = {
			MESSAGES: folder.messages.length, RECENT: 0, UIDNEXT: folder.uidnext, UIDVALIDITY: folder.uidvalidity,
			UNSEEN: folder.messages.filter((m) => !m.flags.has('\\Seen')).length,
		};
		const asked = items.replace(/[()]/g, '').toUpperCase().split(' ');

		if (asked.some((a) => !(a in values)))
			return this.reply('BAD', 'Command Argument Error. 11');
		await this.send(`* STATUS ${quote(folder.name)} (${asked.map((a) => `${a} ${values[a]}`).join(' ')})`);
		return this.done('STATUS');
	}

	do_SELECT(args) { return this.open(args, 'SELECT', 'READ-WRITE'); }
	do_EXAMINE(args) { return this.open(args, 'EXAMINE', 'READ-ONLY'); }

	async open([name], verb, mode)
	{
		this.folder = null;
		const folder = await this.named(name);

		if (!folder)
			return;
		const unseen = folder.messages.findIndex((m) => !m.flags.has('\\Seen'));

		this.folder = folder;
		this.writable = verb === 'SELECT' && mode === 'READ-WRITE';
		await this.send(`* ${folder.messages.length} EXISTS`);
		await this.send('* 0 RECENT');
		await this.send('* FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)');
		await this.send(`* OK [PERMANENTFLAGS (${this.writable ? this.set.permanent : ''})] Permanent flags`);
		if (unseen !== -1)
			await this.send(`* OK [UNSEEN ${unseen + 1}] Is the first unseen message`);
		await this.send(`* OK [UIDVALIDITY ${folder.uidvalidity}] UIDVALIDITY value`);
		await this.send(`* OK [UIDNEXT ${folder.uidnext}] The next unique identifier value`);
		await this.reply('OK', `[${mode}] ${verb} completed.`);
	}

	async do_CLOSE()
	{
		if (this.folder && this.writable)
			this.folder.messages = this.folder.messages.filter((m) => !m.flags.has('\\Deleted'));
		this.folder = null;
		await this.done('CLOSE');
	}

	async do_UNSELECT()
	{
		this.folder = null;
		await this.done('UNSELECT');
	}

	async do_CREATE([name])
	{
		if (/^files$/i.test(name))
			return this.reply('NO', 'Folder name is reserved');
		if (this.mailbox.find(name))
			return this.reply('NO', `Mailbox ${name} already exists.`);
		this.mailbox.create(name);
		return this.done('CREATE');
	}

	async do_DELETE([name])
	{
		if (!await this.named(name))
			return;
		this.mailbox.folders.delete(name.toLowerCase());
		await this.done('DELETE');
	}

	async do_UID_SEARCH(words, text)
	{
		if (/^CHARSET/i.test(text))
			return this.reply('NO', '[BADCHARSET (US-ASCII)] The specified charset is not supported.');
		const found = this.folder && search(this.folder, words);

		if (!found)
			return this.reply('BAD', 'Command Argument Error. 11');
		await this.send(`* SEARCH${found.map((m) => ` ${m.uid}`).join('')}`);
		return this.done('SEARCH');
	}

	/* The messages of a UID set, or null after a BAD. */
	async chosen(set, writing)
	{
		const list = this.folder && (!writing || this.writable) && inSet(this.folder, set || '');

		if (list)
			return list;
		await this.reply('BAD', this.folder ? 'Command Argument Error. 11' : 'Command received in Invalid state.');
		return null;
	}

	async do_UID_FETCH([set], text)
	{
		const list = await this.chosen(set, false);

		if (list)
			await fetch.fetch(this, list, text.slice(set.length).trim());
	}
}

Object.assign(Session.prototype, change);

module.exports = { Session };
