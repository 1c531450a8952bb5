#!/usr/bin/env node
/*
 * issuer.mjs DIR PORT: npm oidc-provider in the shape of Entra ID (routes, claims,
 * credentials), over TLS on 127.0.0.1.  Nothing here checks a credential: that
 * is the provider's own code.  All settings come from the environment that
 * `stand` makes; see README for the files written.
 */
import crypto from 'crypto';
import fs from 'fs';
import https from 'https';
import { Provider } from 'oidc-provider';
import { logRequest } from './lib/request-log.js';

const [dir, port] = [process.argv[2], Number(process.argv[3])];
const env = process.env;
const tenant = env.STAND_TENANT;
const resource = env.STAND_RESOURCE;
const ttl = Number(env.STAND_TOKEN_TTL);
const authority = `https://localhost:${port}`;
const issuer = `${authority}/${tenant}/v2.0`;

function
publicJwk(file)
{
	return crypto.createPublicKey(fs.readFileSync(file)).export({ format: 'jwk' });
}

function
signingJwk()
{
	const key = crypto.createPrivateKey(fs.readFileSync(`${env.STAND_PKI}/issuer.key`));

	return { ...key.export({ format: 'jwk' }), kid: 'stand', use: 'sig', alg: 'RS256' };
}

function
client(id, more)
{
	return {
		client_id: id, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
		scope: `${resource}/.default`, ...more,
	};
}

function
certificateClient(id, alg, file)
{
	return client(id, {
		token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg,
		jwks: { keys: [{ ...publicJwk(file), kid: id, use: 'sig', alg }] },
	});
}

function
clients()
{
	const secret = fs.readFileSync(env.STAND_SECRET_FILE, 'utf8').trim();

	return [
		client(env.STAND_CLIENT_ID, { token_endpoint_auth_method: 'client_secret_post', client_secret: secret }),
		certificateClient(env.STAND_CERT_CLIENT_ID, 'PS256', `${env.STAND_PKI}/app1.pem`),
		certificateClient(env.STAND_CERT2_CLIENT_ID, 'RS256', `${env.STAND_PKI}/app2.pem`),
	];
}

/* The claims of an app-only token for Exchange Online, without those of STAND_TOKEN_OMIT (a list of names). */
function
claims(ctx, token)
{
	const all = {
		upn: tenant, roles: ['IMAP.AccessAsApp'], tid: tenant, oid: env.STAND_OBJECT_ID, appid: token.clientId,
		appidacr: token.clientId === env.STAND_CLIENT_ID ? '1' : '2', idtyp: 'app', ver: '1.0',
		app_displayname: 'mstools stand',
	};

	for (const name of (env.STAND_TOKEN_OMIT || '').split(' '))
		delete all[name];
	return all;
}

function
setDefaultTyp(ctx, token, jwt)
{
	jwt.header = { ...jwt.header, typ: 'JWT' };
	return jwt;
}

function
makeProvider()
{
	const provider = new Provider(issuer, {
		clients: clients(),
		clientAuthMethods: ['client_secret_post', 'private_key_jwt'],
		enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256'] },
		jwks: { keys: [signingJwk()] },
		cookies: { keys: ['unused'] },
		scopes: [`${resource}/.default`],
		extraTokenClaims: claims,
		formats: { customizers: { jwt: setDefaultTyp } },
		features: {
			clientCredentials: { enabled: true },
			devInteractions: { enabled: false },
			introspection: { enabled: true, allowedPolicy: () => true },
			resourceIndicators: {
				enabled: true,
				defaultResource: () => resource,
				useGrantedResource: () => true,
				getResourceServerInfo: () => ({
					scope: `${resource}/.default`, audience: resource, accessTokenTTL: ttl,
					accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
				}),
			},
		},
		routes: {
			token: `/${tenant}/oauth2/v2.0/token`,
			jwks: `/${tenant}/discovery/v2.0/keys`,
			introspection: `/${tenant}/introspect`,
		},
		ttl: { ClientCredentials: ttl },
	});

	provider.on('server_error', (ctx, err) => console.error(err));
	return provider;
}

/*
 * Wraps a handler: notes what is pushed into the request without making it
 * flow (the provider reads it later).  A delay (STAND_ISSUER_DELAY,
 * milliseconds) makes concurrent callers overlap.
 */
function
logged(handle)
{
	return (req, res) => {
		const chunks = [];
		const push = req.push;

		if (req.url === `/${tenant}/v2.0/.well-known/openid-configuration`)
			req.url = '/.well-known/openid-configuration';

		req.push = (chunk, encoding) => {
			if (chunk)
				chunks.push(Buffer.from(chunk));
			return push.call(req, chunk, encoding);
		};
		res.on('finish', () => logRequest(`${dir}/access.log`, `${dir}/assertions.log`, req, res.statusCode,
		    Buffer.concat(chunks).toString('latin1')));
		setTimeout(() => handle(req, res), Number(env.STAND_ISSUER_DELAY || 0));
	};
}

const server = https.createServer({
	cert: fs.readFileSync(`${env.STAND_PKI}/server.pem`), key: fs.readFileSync(`${env.STAND_PKI}/server.key`),
}, logged(makeProvider().callback()));

server.on('error', (err) => {
	console.error(err.message);
	process.exit(err.code === 'EADDRINUSE' ? 98 : 1);
});
server.listen(port, '127.0.0.1', () => fs.writeFileSync(`${dir}/issuer.ready`, ''));
