// imap: one command to the server behind, by LOGIN over plain TCP on loopback.
//   imap.mjs PORT append FILE          into INBOX, byte for byte
//   imap.mjs PORT FOLDER COMMAND...    prints the answer
import net from "node:net";
import fs from "node:fs";

const [port, what, ...rest] = process.argv.slice(2);
const body = what === "append" ? fs.readFileSync(rest[0]) : null;
const steps = body
	? [`a LOGIN u1 pw\r\n`, `b APPEND INBOX {${body.length}}\r\n`, Buffer.concat([body, Buffer.from("\r\n")]), `c LOGOUT\r\n`]
	: [`a LOGIN u1 pw\r\n`, `b SELECT ${what}\r\n`, `c ${rest.join(" ")}\r\n`, `d LOGOUT\r\n`];
let got = "";
const s = net.connect(+port, "127.0.0.1");
const fail = (why) => {
	console.error(why);
	process.exit(1);
};
s.setTimeout(20000, () => fail("time is up: " + got));
s.on("error", (e) => fail(e.message));
s.on("data", (d) => {
	got += d.toString("latin1");
	if (!/(^|\n)(\* OK|[a-z] OK|\+).*\r\n$/.test(got)) {
		if (/(^|\n)[a-z] (NO|BAD).*\r\n$/.test(got)) fail(got);
		return;
	}
	if (/(^|\n)c OK/.test(got)) {
		if (!body) process.stdout.write(got);
		process.exit(0);
	}
	got = "";
	s.write(steps.shift());
});
