/*
 * connection: the transport of one client of the scripted server: command lines
 * in, bytes out, and all the ways a connection can go wrong.
 */
'use strict';
const crypto = require('crypto');

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

class Closed extends Error {}

/* What the log shows of a token: the digest that MSTOOLS_REFUSED has too. */
function
digest(token)
{
	return crypto.createHash('sha256').update(token).digest('hex').slice(0, 16);
}

class Connection {
	/* onCommand(text): one command, its literals in it as "\0LITERAL\0"; called one at a time. */
	constructor(raw, socket, number, log, onCommand)
	{
		Object.assign(this, { raw, socket, log: (text) => log(`${number} ${text}`), onCommand });
		this.input = Buffer.alloc(0);
		this.line = '';
		this.literal = 0;
		this.queue = [];
		this.busy = false;
		this.dead = false;
		this.slow = 0;
		this.stalled = false;
		socket.on('data', (data) => this.feed(data));
		socket.on('end', () => this.end('client closed'));
		socket.on('error', (err) => this.end(`error ${err.code || err.message}`));
		socket.on('close', () => this.end('closed'));
		raw.on('error', () => {});
		raw.on('close', () => this.end('closed'));
	}

	end(why)
	{
		if (this.dead)
			return;
		this.dead = true;
		this.log(why);
		this.socket.end();
		this.raw.destroySoon();
	}

	feed(data)
	{
		this.input = this.input.length ? Buffer.concat([this.input, data]) : data;
		while (!this.dead && this.take())
			;
		this.run();
	}

	/* Takes a line or a literal from the input; false when there is none whole. */
	take()
	{
		if (this.literal) {
			if (this.input.length < this.literal)
				return false;
			this.line += `\0${this.input.toString('latin1', 0, this.literal)}\0`;
			this.input = this.input.subarray(this.literal);
			this.literal = 0;
			return true;
		}
		const end = this.input.indexOf('\r\n');

		if (end === -1)
			return false;
		this.line += this.input.toString('latin1', 0, end);
		this.input = this.input.subarray(end + 2);
		this.lineEnded();
		return true;
	}

	lineEnded()
	{
		const announced = /\{(\d+)(\+?)\}$/.exec(this.line);

		if (announced && Number(announced[1]) > 0) {
			this.line = this.line.slice(0, -announced[0].length);
			this.literal = Number(announced[1]);
			if (!announced[2])
				this.socket.write('+ Ready for additional command text.\r\n');
			return;
		}
		this.queue.push(this.line);
		this.line = '';
	}

	async run()
	{
		if (this.busy || this.waiter)
			return this.wake();
		this.busy = true;
		try {
			while (this.queue.length && !this.dead)
				await this.onCommand(this.queue.shift());
		} catch (err) {
			if (!(err instanceof Closed))
				this.log(`server error ${err.stack}`);
			this.end('closed after an error');
		}
		this.busy = false;
	}

	wake()
	{
		if (this.waiter && this.queue.length) {
			const waiter = this.waiter;

			this.waiter = null;
			waiter(this.queue.shift());
		}
	}

	/* The next line, for a command that needs one. */
	nextLine()
	{
		if (this.queue.length)
			return Promise.resolve(this.queue.shift());
		return new Promise((resolve) => { this.waiter = resolve; });
	}

	async write(data)
	{
		if (this.dead || this.stalled)
			throw new Closed();
		if (this.slow)
			return this.drip(Buffer.from(data, 'latin1'));
		if (this.socket.write(data, 'latin1'))
			return;
		await new Promise((done) => {
			const on = () => {
				this.socket.off('drain', on).off('close', on).off('error', on);
				done();
			};

			this.socket.on('drain', on).on('close', on).on('error', on);
		});
	}

	async drip(data)
	{
		for (const byte of data) {
			if (this.dead)
				throw new Closed();
			this.socket.write(Buffer.from([byte]));
			await sleep(this.slow);
		}
	}

	async send(text)
	{
		this.log(`S: ${text.length > 400 ? `${text.slice(0, 400)}... (${text.length})` : text}`);
		await this.write(`${text}\r\n`);
	}

	/* close: orderly, with close_notify.  cut: FIN without it.  reset: RST.  What was sent goes out before. */
	async close(how)
	{
		if (!this.dead)
			await new Promise((done) => this.socket.write('', done));
		this.log(`server: ${how}`);
		this.dead = true;
		if (how === 'reset')
			this.raw.resetAndDestroy();
		else if (how === 'cut')
			this.raw.end();
		else
			this.socket.end();
		setTimeout(() => this.raw.destroy(), 2000).unref();
		throw new Closed();
	}

	/* Never says a word again, but stays. */
	async stall()
	{
		this.log('server: stall');
		this.stalled = true;
		await new Promise(() => {});
	}

	/* Sends the same for ever, as fast as the client reads. */
	async endless(what)
	{
		const some = Buffer.alloc(65536, what === 'flood' ? '* 65536 EXISTS\r\n' : 'x');

		this.log(`server: endless ${what}`);
		if (what === 'literal')
			await this.write('* 1 FETCH (UID 1 BODY[] {4294967290}\r\n');
		else if (what === 'line')
			await this.write('* OK ');
		for (;;)
			await this.write(some);
	}
}

module.exports = { Closed, Connection, digest, sleep };
