// hoodiecrow: npm's hoodiecrow-imap, with TLS in front.  It serves messages byte
// for byte, NUL too, and takes XOAUTH2 with an initial response only.
//   hoodiecrow.mjs PORT TLSPORT PKI USER TOKEN DIRECTORY CAPABILITY...
// PORT: plain, LOGIN USER pw; TLSPORT: the same through TLS, for us.  INBOX holds
// the files of DIRECTORY, with CRLF line ends (its APPEND takes no NUL).
import fs from "node:fs";
import net from "node:net";
import tls from "node:tls";
import { createRequire } from "node:module";

const [port, tlsPort, pki, user, token, directory, ...plugins] = process.argv.slice(2);
const hoodiecrow = createRequire(import.meta.url)("hoodiecrow-imap");
const messages = fs
	.readdirSync(directory)
	.sort()
	.map((name) => ({ raw: fs.readFileSync(`${directory}/${name}`, "latin1").replace(/\r?\n/g, "\r\n") }));

hoodiecrow({
	plugins: ["SASL-IR", "XOAUTH2", "ID", "UNSELECT", ...plugins],
	users: { [user]: { password: "pw", xoauth2: { accessToken: token, sessionTimeout: 3600000 } } },
	storage: { INBOX: { uidvalidity: 7, messages }, "": { separator: "/", folders: { Sent: {} } } },
}).listen(+port, "127.0.0.1");

tls.createServer(
	{ key: fs.readFileSync(`${pki}/server.key`), cert: fs.readFileSync(`${pki}/server.pem`) },
	(client) => {
		const server = net.connect(+port, "127.0.0.1");
		client.pipe(server).pipe(client);
		client.on("error", () => server.destroy());
		server.on("error", () => client.destroy());
	},
).listen(+tlsPort, "127.0.0.1");
