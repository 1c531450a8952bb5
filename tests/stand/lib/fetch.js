/*
 * fetch: the answer to UID FETCH, and what can be wrong with one message.
 */
'use strict';
const { internalDate } = require('./mailbox');
const { sleep } = require('./connection');

const ITEM = /^(?:UID|FLAGS|INTERNALDATE|RFC822\.SIZE|BODY(?:\.PEEK)?\[(?:HEADER(?:\.FIELDS \([^)]*\))?)?\])/i;

/* The items asked for, upper case; null if there is one that Exchange would refuse. */
function
items(text)
{
	let rest = text.replace(/^\((.*)\)$/, '$1').trim();
	const found = [];

	while (rest) {
		const m = ITEM.exec(rest);

		if (!m)
			return null;
		found.push(m[0].toUpperCase());
		rest = rest.slice(m[0].length).trim();
	}
	return found.length ? found : null;
}

const isBody = (item) => /^BODY(\.PEEK)?\[\]$/.test(item);

/* The header fields that were asked for, ending in an empty line. */
function
headerFields(message, item)
{
	const head = `${message.body().toString('latin1').split('\r\n\r\n')[0]}\r\n\r\n`;
	const names = /\.FIELDS \(([^)]*)\)/.exec(item);

	if (!names)
		return head;
	return `${names[1].split(' ').map((name) => {
		const value = message.header(name.replace(/"/g, ''));

		return value === null ? '' : `${name.replace(/"/g, '')}: ${value}\r\n`;
	}).join('')}\r\n`;
}

/* The value of a body, as [text before, bytes]; null when it is one line without bytes. */
function
bodyValue(message, exact)
{
	const literal = message.quirk('literal');

	if (message.quirk('nil'))
		return ['BODY[] NIL', null];
	if (message.quirk('empty'))
		return ['BODY[] {0}\r\n', null];
	if (message.quirk('quoted'))
		return [`BODY[] "${exact.toString('latin1').replace(/[\r\n]+/g, ' ').replace(/(["\\])/g, '\\$1')}"`, null];
	return [`BODY[] {${literal ? literal.arg[0] : exact.length}}\r\n`, exact];
}

function
rendered(session, message, item)
{
	const size = message.quirk('size');
	const date = message.quirk('date');

	switch (item) {
	case 'UID':		return [`UID ${message.uid}`];
	case 'FLAGS':		return [`FLAGS (${[...message.flags].join(' ')})`];
	case 'INTERNALDATE':	return [`INTERNALDATE ${date ? date.arg : `"${internalDate(message.date)}"`}`];
	case 'RFC822.SIZE':
		return [`RFC822.SIZE ${size ? size.arg[0] : message.body().length + session.set.estimate}`];
	default:		break;
	}
	if (isBody(item))
		return bodyValue(message, message.quirk('substitute') ? message.substitute() : message.body());
	const text = headerFields(message, item);

	return [`${item.replace('.PEEK', '')} {${text.length}}\r\n`, Buffer.from(text, 'latin1')];
}

/* asked, reverse, or uid-last. */
function
ordered(session, message, asked)
{
	const quirk = message.quirk('order');
	const order = quirk ? quirk.arg[0] : session.set.order;

	if (order === 'reverse')
		return [...asked].reverse();
	if (order === 'uid-last')
		return [...asked.filter((i) => i !== 'UID'), ...asked.filter((i) => i === 'UID')];
	return asked;
}

/* Sends a body; for message N cut BYTES ACTION only so much before the action, which may end it all. */
async function
sendBody(session, message, bytes)
{
	const cut = message.quirk('cut');

	session.connection.log(`S: (${bytes.length} bytes)`);
	if (!cut)
		return session.connection.write(bytes);
	await session.connection.write(bytes.subarray(0, Number(cut.arg[0])));
	await sleep(20);
	await session.act([cut.arg.slice(1).join(' ')], () => {});
	return session.connection.write(bytes.subarray(Number(cut.arg[0])));
}

async function
sendMessage(session, message, asked)
{
	const c = session.connection;
	let text = `* ${session.folder.sequence(message)} FETCH (`;
	let sep = '';

	for (const item of ordered(session, message, asked)) {
		const [before, bytes] = rendered(session, message, item);

		text += sep + before;
		sep = ' ';
		if (bytes) {
			c.log(`S: ${text.trimEnd()}`);
			await c.write(text);
			await session.lineSent();
			if (isBody(item))
				await sendBody(session, message, bytes);
			else
				await c.write(bytes);
			text = '';
		}
	}
	await session.send(`${text})`);
	if (asked.some((i) => /^BODY\[/.test(i)))
		message.flags.add('\\Seen');
}

/* One message of a FETCH.  Returns a reason to end the command with, as [status, text], or null. */
async function
fetchOne(session, message, asked)
{
	const body = asked.some(isBody);

	if (!session.folder.messages.includes(message) || message.quirk('gone'))
		return null;
	if (body) {
		const no = message.quirk('no');
		const bad = message.quirk('bad');
		const line = message.quirk('line');

		if (no || bad)
			return [no ? 'NO' : 'BAD', (no || bad).arg];
		if (line)
			await session.send(line.arg);
		if (line || message.quirk('nodata'))
			return null;
		if (session.set.delay)
			await sleep(session.set.delay);
	}
	await sendMessage(session, message, asked);
	const actions = body && session.scenario.fire('MESSAGE');

	if (actions)
		await session.act(actions, () => {});
	return null;
}

async function
fetch(session, list, text)
{
	const asked = items(text);

	if (!asked)
		return session.reply('BAD', 'Command Argument Error. 11');
	if (!asked.includes('UID'))
		asked.unshift('UID');
	for (const message of list) {
		const end = await fetchOne(session, message, asked);

		if (end)
			return session.reply(...end);
	}
	return session.done('FETCH');
}

module.exports = { fetch };
