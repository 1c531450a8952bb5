/*
 * search: UID sets and the criteria of SEARCH (RFC 3501 6.4.4) as far as Exchange takes them.
 */
'use strict';

/* Messages of a folder whose UID (or sequence number) is in the set; null if it is no set. */
function
inSet(folder, set, bySequence = false)
{
	const last = folder.messages.length;
	const top = bySequence ? last : (last ? folder.messages[last - 1].uid : 0);
	const ranges = [];

	for (const part of set.split(',')) {
		const m = /^(\d+|\*)(?::(\d+|\*))?$/.exec(part);

		if (!m)
			return null;
		const [a, b] = [m[1], m[2] || m[1]].map((n) => (n === '*' ? top : Number(n)));

		ranges.push([Math.min(a, b), Math.max(a, b)]);
	}
	return folder.messages.filter((m, i) => {
		const n = bySequence ? i + 1 : m.uid;

		return ranges.some(([a, b]) => n >= a && n <= b);
	});
}

function
day(text)
{
	return Date.parse(`${text.replace(/-/g, ' ')} UTC`);
}

const FLAG = { SEEN: '\\Seen', ANSWERED: '\\Answered', FLAGGED: '\\Flagged', DELETED: '\\Deleted', DRAFT: '\\Draft' };

/* Takes one criterion off the tokens; returns a function of a message, or null for one it does not know. */
function
criterion(folder, tokens)
{
	const key = (tokens.shift() || '').toUpperCase();
	const date = (test) => { const d = day(tokens.shift()); return (m) => test(Math.floor(m.date / 864e5) * 864e5, d); };
	const number = (test) => { const n = Number(tokens.shift()); return (m) => test(m.body().length, n); };
	const text = (name) => {
		const want = tokens.shift().toLowerCase();

		return (m) => (m.header(name) || '').toLowerCase().includes(want);
	};
	const set = (list) => list && ((m) => list.includes(m));

	if (key in FLAG)
		return (m) => m.flags.has(FLAG[key]);
	if (key.startsWith('UN') && key.slice(2) in FLAG)
		return (m) => !m.flags.has(FLAG[key.slice(2)]);
	switch (key) {
	case 'ALL':		return () => true;
	case 'RECENT':		return () => false;
	case 'SINCE':		return date((a, b) => a >= b);
	case 'BEFORE':		return date((a, b) => a < b);
	case 'ON':		return date((a, b) => a === b);
	case 'LARGER':		return number((a, b) => a > b);
	case 'SMALLER':		return number((a, b) => a < b);
	case 'FROM': case 'TO': case 'SUBJECT': case 'CC':
		return text(key);
	case 'HEADER':		return text(tokens.shift());
	case 'UID':		return set(inSet(folder, tokens.shift()));
	case 'NOT': {
		const a = criterion(folder, tokens);

		return a && ((m) => !a(m));
	}
	case 'OR': {
		const a = criterion(folder, tokens);
		const b = criterion(folder, tokens);

		return a && b && ((m) => a(m) || b(m));
	}
	default:		return set(inSet(folder, key, true));
	}
}

/* The messages that all criteria fit, or null. */
function
search(folder, tokens)
{
	let found = folder.messages;

	while (tokens.length) {
		const test = criterion(folder, tokens);

		if (!test)
			return null;
		found = found.filter(test);
	}
	return found;
}

module.exports = { inSet, search };
