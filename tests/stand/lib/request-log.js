/*
 * request-log: a token request as a line of a log, without what proves who asks.
 */
'use strict';
const fs = require('fs');

/* The body as it came, but for secrets: only their length. */
function
masked(body)
{
	return body.replace(/(^|&)(client_secret|client_assertion|refresh_token)=([^&]*)/g,
	    (all, sep, name, value) => `${sep}${name}=<${decodeURIComponent(value).length}>`);
}

/* Appends to file; the assertion, if there is one, is a line of assertions. */
function
logRequest(file, assertions, req, status, body)
{
	const assertion = /(?:^|&)client_assertion=([^&]*)/.exec(body);
	const authorization = req.headers.authorization === undefined ? '-' : 'yes';

	if (assertion)
		fs.appendFileSync(assertions, `${decodeURIComponent(assertion[1])}\n`);
	fs.appendFileSync(file, `${new Date().toISOString()} ${req.method} ${req.url} ${status} ` +
	    `type=${req.headers['content-type'] || '-'} authorization=${authorization} ` +
	    `agent=${req.headers['user-agent'] || '-'} ${masked(body)}\n`);
}

module.exports = { logRequest };
