// imap: commands to the server behind, by LOGIN over plain TCP on loopback.
//   imap.mjs PORT append FILE...       into INBOX, byte for byte but for CRLF line ends;
//                                      prints the names of those that the server refuses
//   imap.mjs PORT FOLDER COMMAND       prints the answer
// IMAP_USER: who logs in (u1); the password is pw.
import net from "node:net";
import fs from "node:fs";

const [port, what, ...rest] = process.argv.slice(2);
const s = net.connect(+port, "127.0.0.1");
const fail = (why) => {
	console.error(why);
	process.exit(1);
};
let got = "";
let wake = () => {};
s.setTimeout(60000, () => fail("time is up: " + got));
s.on("error", (e) => fail(e.message));
s.on("close", () => fail("the server closed: " + got));
s.on("data", (d) => {
	got += d.toString("latin1");
	wake();
});

// Waits until what came ends in a line that matches, and takes it.
async function until(pattern) {
	while (!pattern.test(got)) await new Promise((r) => (wake = r));
	const answer = got;
	got = "";
	return answer;
}

async function command(line) {
	s.write(`a ${line}\r\n`);
	return until(/(^|\n)(a (OK|NO|BAD)|\+).*\r\n$/);
}

async function must(line) {
	const answer = await command(line);
	if (!/(^|\n)a OK.*\r\n$/.test(answer)) fail(`${line}: ${answer}`);
	return answer;
}

async function append(file) {
	const body = Buffer.from(fs.readFileSync(file, "latin1").replace(/\r?\n/g, "\r\n"), "latin1");
	let answer = await command(`APPEND INBOX {${body.length}}`);
	if (/^\+/m.test(answer)) {
		s.write(Buffer.concat([body, Buffer.from("\r\n")]));
		answer = await until(/(^|\n)a (OK|NO|BAD).*\r\n$/);
	}
	if (!/(^|\n)a OK/.test(answer)) console.log(file);
}

await until(/^\* OK.*\r\n$/);
await must(`LOGIN ${process.env.IMAP_USER || "u1"} pw`);
if (what === "append") {
	for (const file of rest) await append(file);
} else {
	await must(`SELECT ${what}`);
	process.stdout.write(await must(rest.join(" ")));
}
process.exit(0);
