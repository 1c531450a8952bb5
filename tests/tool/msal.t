#!/bin/sh
# mstoken beside Microsoft's own library (npm @azure/msal-node): the same request, the same assertion.
# shellcheck disable=SC2016,SC2086,SC2153,SC2317
. "${0%/*}/../lib/sh"
[ -d "$root/tests/stand/node_modules/@azure/msal-node" ] || skip_all 'no @azure/msal-node'
scripted_pki
endpoint_up
tenant=11111111-aaaa-4bbb-8ccc-222222222222
client=33333333-aaaa-4bbb-8ccc-444444444444
scope=https://outlook.office365.com/.default
printf 'a8Q~b_c.d-e f+g&h=i%%j/k' >secret
chmod 600 secret
args="--no-cache --authority $endpoint_url --tenant $tenant --client-id $client --ca-file $STAND_CA"
cert="--cert $STAND_PKI/app1.pem --key $STAND_PKI/app1.key"

# msal.js URL CA SECRET|CERT KEY: a token as msal-node gets it.
cat >msal.js <<'X'
const fs = require('fs');
const crypto = require('crypto');
const [modules, url, tenant, clientId, scope, credential, key] = process.argv.slice(2);
const msal = require('module').createRequire(modules)('@azure/msal-node');
const authority = `${url}/${tenant}`;
const text = fs.readFileSync(credential, 'utf8');
const auth = {
	clientId, authority, knownAuthorities: [new URL(url).host],
	authorityMetadata: JSON.stringify({
		issuer: authority, token_endpoint: `${authority}/oauth2/v2.0/token`,
		authorization_endpoint: `${authority}/oauth2/v2.0/authorize`, jwks_uri: `${authority}/discovery/v2.0/keys`,
	}),
};
if (key)
	auth.clientCertificate = {
		thumbprintSha256: new crypto.X509Certificate(text).fingerprint256.replace(/:/g, ''),
		privateKey: fs.readFileSync(key, 'utf8'),
	};
else
	auth.clientSecret = text;
new msal.ConfidentialClientApplication({ auth }).acquireTokenByClientCredential({ scopes: [scope] })
    .then((reply) => console.log(reply.accessToken), (err) => { console.error(err); process.exit(1); });
X

# msal CREDENTIAL [KEY]
msal() {
	NODE_EXTRA_CA_CERTS=$STAND_CA node msal.js "$root/tests/stand/package.json" "$endpoint_url" $tenant $client $scope \
	    "$@" >msal.out
}

# The form of the last request, a field a line, without Microsoft's telemetry.
form() {
	grep ' POST /' "$endpoint_log" | tail -n 1 | sed 's/.* //' | tr '&' '\n' |
	    grep -Ev '^(x-client-|x-ms-|client-request-id=)' | sort
}

# Part N of the last assertion.
part() {
	tail -n 1 "$endpoint_log.assertions" | node -e '
		const jwt = require("fs").readFileSync(0, "latin1").trim().split(".");
		console.log(Buffer.from(jwt[process.argv[1]], "base64url").toString());' "$1"
}

#
# The request
#

msal secret
form >want.secret
run mstoken $args --client-secret-file secret
status_is 0 'a token by a secret'
form >got
same_file got want.secret 'the form of a secret is that of msal-node'
grep ' POST /' "$endpoint_log" | tail -n 1 >last
like "$(cat last)" ' type=application/x-www-form-urlencoded authorization=- ' 'its type, and nothing in a header'

msal "$STAND_PKI/app1.pem" "$STAND_PKI/app1.key"
form | sed 's/<.*>/<>/' >want.cert
part 0 | jq -S . >want.header
part 1 | jq -S 'del(.jti, .iat, .nbf, .exp)' >want.claims
part 1 | jq -c '[.exp - .nbf, (.jti | length), (.exp, .nbf, .iat | type)]' >want.times
run mstoken $args $cert
status_is 0 'a token by a certificate'
form | sed 's/<.*>/<>/' >got
same_file got want.cert 'the form of a certificate is that of msal-node'

#
# The assertion
#

part 0 | jq -S . >got
same_file got want.header 'the header of the assertion'
part 1 | jq -S 'del(.jti, .iat, .nbf, .exp)' >got
same_file got want.claims 'its claims'
part 1 | jq -c '[.exp - .nbf, (.jti | length), (.exp, .nbf, .iat | type)]' >got
same_file got want.times 'its times'

# verified_by_jose ALG
verified_by_jose() {
	tail -n 1 "$endpoint_log.assertions" | node -e '
		const [modules, file, alg, aud, sub] = process.argv.slice(1);
		const jose = require("module").createRequire(modules)("jose");
		const fs = require("fs");
		jose.jwtVerify(fs.readFileSync(0, "latin1").trim(), require("crypto").createPublicKey(fs.readFileSync(file)),
		    { algorithms: [alg], audience: aud, issuer: sub, subject: sub, requiredClaims: ["jti", "nbf", "exp"] })
		    .catch((err) => { console.error(err); process.exit(1); });' \
	    "$root/tests/stand/package.json" "$STAND_PKI/app1.pem" "$1" "$endpoint_url/$tenant/oauth2/v2.0/token" $client
}

# verified_by_openssl OPTION...
verified_by_openssl() {
	jwt=$(tail -n 1 "$endpoint_log.assertions")
	printf %s "${jwt%.*}" >signed
	printf '%s==' "${jwt##*.}" | tr -- '-_' '+/' | base64 -d >signature 2>/dev/null
	openssl x509 -in "$STAND_PKI/app1.pem" -noout -pubkey >public
	openssl dgst -sha256 -verify public -signature signature "$@" signed >/dev/null
}

ok 'jose verifies it' verified_by_jose PS256
ok 'so does openssl' verified_by_openssl -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32
run mstoken $args $cert --alg RS256
is "$(part 0 | jq -c '[.alg, has("x5t#S256"), has("x5t")]')" '["RS256",true,false]' '--alg RS256'
ok 'jose verifies it' verified_by_jose RS256
ok 'so does openssl' verified_by_openssl

#
# Both are served by an issuer that looks
#

stand_up issuer
endpoint_url=$STAND_AUTHORITY
tenant=$STAND_TENANT
client=$STAND_CLIENT_ID
printf %s "$(cat "$STAND_SECRET_FILE")" >secret
ok 'the issuer takes the secret from msal-node' msal secret
run mstoken $token_args --no-cache
status_is 0 'and from mstoken'
client=$STAND_CERT_CLIENT_ID
ok 'it takes the certificate from msal-node' msal "$STAND_CERT" "$STAND_KEY"
run mstoken --no-cache --authority "$STAND_AUTHORITY" --tenant $tenant --client-id $client --ca-file "$STAND_CA" $cert
status_is 0 'and from mstoken'

done_testing
