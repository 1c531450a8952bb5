/*
 * serve: what the scripted servers share: options, the log, the port file, and
 * a listener that hands out TLS sockets without losing the TCP socket below.
 */
'use strict';
const fs = require('fs');
const net = require('net');
const tls = require('tls');

/*
 * Options -p PKI -o PORTFILE -l LOG -P PORT -c FIFO -d DIR -e LINE..., and operands.
 * Returns { p, o, l, P, c, d, e: [lines], args: [operands] }.
 */
function
options(argv, usage)
{
	const o = { e: [], args: [] };

	for (let i = 0; i < argv.length; i++) {
		const flag = /^-([a-zA-Z])$/.exec(argv[i]);

		if (!flag)
			o.args.push(argv[i]);
		else if (!'polPcde'.includes(flag[1]) || i + 1 >= argv.length)
			fatal(usage);
		else if (flag[1] === 'e')
			o.e.push(argv[++i]);
		else
			o[flag[1]] = argv[++i];
	}
	return o;
}

function
fatal(text)
{
	process.stderr.write(`${text}\n`);
	process.exit(2);
}

/* The lines of the scenario files and of the -e options, without blank lines and # comments. */
function
scenarioLines(o)
{
	const files = o.args.map((file) => fs.readFileSync(file, 'utf8').split('\n'));

	return [...files.flat(), ...o.e].map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
}

function
logger(file)
{
	if (!file)
		return () => {};

	const fd = fs.openSync(file, 'a');

	return (text) => fs.writeSync(fd, `${text}\n`);
}

/* Whole or not there: the test waits for it. */
function
announce(file, port)
{
	if (!file)
		return console.log(port);
	fs.writeFileSync(`${file}.new`, `${port}\n`);
	fs.renameSync(`${file}.new`, file);
}

/* name: of a certificate in PKI, or bad/NAME; version: TLSv1 ... TLSv1.3, both ends of what is allowed. */
function
tlsContext(pki, name = 'server', version = undefined)
{
	const old = version === 'TLSv1' || version === 'TLSv1.1' || name !== 'server';

	return tls.createSecureContext({
		cert: fs.readFileSync(`${pki}/${name}.pem`), key: fs.readFileSync(`${pki}/${name}.key`),
		minVersion: version, maxVersion: version,
		...(old ? { ciphers: 'DEFAULT:@SECLEVEL=0' } : {}),
	});
}

/* onTcp(raw) for each connection; the caller wraps it with secure(), or not at all. */
function
listen(o, onTcp)
{
	const server = net.createServer({ noDelay: true, allowHalfOpen: true }, onTcp);

	server.on('error', (err) => fatal(err.message));
	server.listen(Number(o.P || 0), '127.0.0.1', () => announce(o.o, server.address().port));
}

function
secure(raw, context)
{
	return new tls.TLSSocket(raw, { isServer: true, secureContext: context });
}

/* Lines of a FIFO, for as long as we live. */
function
control(fifo, onLine)
{
	let rest = '';

	fs.createReadStream(fifo, { flags: 'r+', encoding: 'utf8' }).on('data', (text) => {
		const lines = (rest + text).split('\n');

		rest = lines.pop();
		lines.forEach(onLine);
	});
}

module.exports = { announce, control, fatal, listen, logger, options, scenarioLines, secure, tlsContext };
