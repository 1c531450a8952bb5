/*
 * diag: the token endpoint of Microsoft Entra ID.
 *
 * Sources: entra-docs reference-error-codes.md, v2-oauth2-client-creds-grant-flow.md,
 * certificate-credentials.md, retire-service-principal-less-authentication.md;
 * office-developer-exchange-docs, "Authenticate an IMAP, POP or SMTP connection
 * using OAuth"; Learn, "Troubleshoot service principal authentication".
 * The codes are for people (Microsoft may change them): no program branches on them.
 */
#include "diag/table.h"

/* clang-format off */

#define TOKEN	S(STAGE_TOKEN)

#define PORTAL_APP	"entra.microsoft.com > App registrations > All applications > the app with client ID {appid}"
#define SCOPE_CURE	"set scope in the account, or leave it out; --cloud gives the right one:\n" \
	"\tscope = \"https://outlook.office365.com/.default\""

static const struct diag_row rows[] = {
{
	.stages = TOKEN, .pattern = "AADSTS7000215",
	.sample = "invalid_client: AADSTS7000215: Invalid client secret provided. Ensure the secret "
	    "being sent in the request is the client secret value, not the client secret ID",
	.cause = {
		{ .cause = "the secret is not the secret's Value: most often its \"Secret ID\" was copied",
		  .tell = "the Secret ID looks like 8-4-4-4-12 hex digits; the Value has about 40 characters of "
		    "many kinds",
		  .cure = "the Value is shown only once, so make a new secret: " PORTAL_APP
		    " > Certificates & secrets > New client secret, copy the column \"Value\", and write it "
		    "to the file: " PASTE "\n"
		    "\t(umask 077; cat > {sh:credential})" },
		{ .cause = "something was added to the secret or lost from it: a blank, quotes, a second line, a "
		    "\"~\" or \"%\" that a shell or a template changed",
		  .tell = "count the characters and compare with the portal (it shows the first three):\n"
		    "\twc -c < {sh:credential}; head -c 3 {sh:credential}",
		  .cure = "write the file again as above" },
		{ .cause = "the secret belongs to another app, or was deleted",
		  .tell = "its first three characters are in no row of that app's \"Client secrets\"",
		  .cure = "set client-id and client-secret-file of the same app (client-id is now {client})" },
		{ .cause = "the secret was made only minutes ago and is not known everywhere yet",
		  .cure = "try again in five minutes" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS7000222",
	.sample = "invalid_client: AADSTS7000222: The provided client secret keys for app "
	    "'11111111-2222-3333-4444-555555555555' are expired",
	.cause = {
		{ .cause = "the client secret has expired",
		  .tell = PORTAL_APP " > Certificates & secrets: the column \"Expires\"",
		  .cure = "make a new one there (\"New client secret\"), copy its Value, and write it to the file: "
		    PASTE "\n"
		    "\t(umask 077; cat > {sh:credential})\n"
		    "and set client-secret-expires, so that mscheck warns 30 days before; "
		    "a certificate (cert, key) lasts longer" },
		{ .cause = "a secret made minutes ago is not known everywhere yet, and an older one has expired",
		  .cure = "try again in five minutes" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700016",
	.sample = "unauthorized_client: AADSTS700016: Application with identifier "
	    "'11111111-2222-3333-4444-555555555555' was not found in the directory 'Contoso'",
	.cause = {
		{ .cause = "the app is not in this tenant: client-id {client} belongs to another tenant, or tenant "
		    "{tenant} is not the one that the app is registered in",
		  .tell = "entra.microsoft.com > Overview shows the tenant ID; App registrations > All applications "
		    "shows the client IDs of that tenant",
		  .cure = "take tenant (\"Directory (tenant) ID\") and client-id (\"Application (client) ID\") from one "
		    "and the same page: App registrations > the app > Overview" },
		{ .cause = "client-id is not the client ID but another number of the app (its Object ID, the Secret ID)",
		  .tell = "on the app's Overview page the number beside \"Application (client) ID\" differs from {client}",
		  .cure = "set client-id to the \"Application (client) ID\"" },
		{ .cause = "the app is another organisation's (multi-tenant), and nobody has consented to it here",
		  .tell = "Enterprise applications > All applications, filter by application ID {client}: nothing",
		  .cure = "an administrator of {tenant} opens:\n"
		    "\thttps://login.microsoftonline.com/{tenant}/v2.0/adminconsent?client_id={client}"
		    "&redirect_uri=https://localhost&scope=https://ps.outlook.com/.default" },
		{ .cause = "the app was registered minutes ago",
		  .cure = "try again in five minutes" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS90002|AADSTS900023|AADSTS90019|AADSTS50020|AADSTS90130|invalid_tenant",
	.sample = "invalid_request: AADSTS90002: Tenant 'contosso.onmicrosoft.com' not found. Check to make sure you "
	    "have the correct tenant ID and are signing into the correct cloud",
	.cause = {
		{ .cause = "there is no tenant {tenant}: misspelt, or neither a directory ID nor one of its domains",
		  .tell = "this answers with the tenant's ID if the name is right:\n"
		    "\tcurl -s {sh:authority}/{sh:tenant}/v2.0/.well-known/openid-configuration | jq -r .issuer",
		  .cure = "set tenant to the \"Directory (tenant) ID\" of entra.microsoft.com > Overview, or to "
		    "NAME.onmicrosoft.com" },
		{ .cause = "the tenant lives in another national cloud than {cloud}",
		  .tell = "its administrators sign in at portal.azure.us (gcc-high, dod) or portal.azure.cn (china)",
		  .cure = "set cloud to gcc-high, dod or china" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS9001023|AADSTS50059|AADSTS90072|AADSTS53004|AADSTS9002331|AADSTS500208",
	.sample = "invalid_request: AADSTS9001023: The grant type is not supported over the /common or /consumers "
	    "endpoints. Please use the /organizations or tenant-specific endpoint",
	.cause = {
		{ .cause = "a token for an app needs one tenant by name; \"common\", \"organizations\" and \"consumers\" "
		    "do not do (personal accounts have no app-only access)",
		  .cure = "set tenant to the \"Directory (tenant) ID\" of entra.microsoft.com > Overview" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700027*key was not found|AADSTS700027*not registered|AADSTS700030|AADSTS5000224",
	.sample = "invalid_client: AADSTS700027: The certificate with identifier used to sign the client assertion is "
	    "not registered on application. [Reason - The key was not found., Thumbprint of key used by client: 'AB']",
	.cause = {
		{ .cause = "the certificate is not uploaded to this app",
		  .tell = PORTAL_APP " > Certificates & secrets > Certificates: no row has this thumbprint:\n"
		    "\topenssl x509 -in {sh:credential} -noout -fingerprint -sha1",
		  .cure = "\"Upload certificate\" on that page; the file holds the certificate alone, without the key:\n"
		    "\topenssl x509 -in {sh:credential} -out upload.cer" },
		{ .cause = "it is uploaded to another app than client-id {client}",
		  .tell = "look at the Certificates page of the other app",
		  .cure = "set client-id to that app, or upload the certificate to this one" },
		{ .cause = "it was uploaded minutes ago",
		  .cure = "try again in five minutes" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700027*expired|AADSTS700027*not yet valid",
	.sample = "AADSTS700027: Client assertion contains an invalid signature. [Reason - The key used is expired., "
	    "Thumbprint of key used by client: 'AB'] (invalid_client, HTTP 401)",
	.title = "AADSTS700027: the key used is expired",
	.cause = {
		{ .cause = "the certificate has run out",
		  .tell = "\topenssl x509 -in {sh:credential} -noout -dates; date -u",
		  .cure = "make a new pair, upload the new certificate, then switch; both may be registered at a time:\n"
		    "\t(umask 077; openssl req -x509 -newkey rsa:3072 -nodes -days 730 -subj /CN=mstools -keyout key.pem "
		    "-out cert.pem)" },
		{ .cause = "the clock of this machine is wrong", .tell = "\tdate -u",
		  .cure = "set the clock and keep it so, as root:\n\ttimedatectl set-ntp true" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700027|AADSTS50013",
	.sample = "invalid_client: AADSTS700027: Client assertion contains an invalid signature. [Reason - The provided "
	    "signature value did not match the expected signature value.]",
	.cause = {
		{ .cause = "the private key is not that of the certificate",
		  .tell = "the two lines must be equal:\n"
		    "\topenssl x509 -in {sh:credential} -noout -pubkey | sha256sum\n"
		    "\topenssl pkey -in KEY-FILE -pubout | sha256sum",
		  .cure = "set cert and key to files of one pair" },
		{ .cause = "Entra ID does not take PS256 for this key",
		  .cure = "try the older algorithm:\n\t{mstoken} --force --alg RS256" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS5002730|AADSTS5002738",
	.sample = "invalid_request: AADSTS5002730: Invalid JWT token. Unsupported key for the signing algorithm",
	.cause = {
		{ .cause = "Entra ID does not take PS256 signatures of this key",
		  .cure = "set alg = RS256 in the account" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700024|AADSTS700044|AADSTS700022*assertion|AADSTS700025*time",
	.sample = "invalid_client: AADSTS700024: Client assertion is not within its valid time range. Current time: "
	    "2026-11-28T11:00:00.0000000Z, assertion valid from 2026-11-28T10:00:00.0000000Z",
	.cause = {
		{ .cond = COND_CLOCK,
		  .cause = "the clock of this machine is off by {clock} from Microsoft's",
		  .tell = "compare with a web server's:\n\tdate -u; curl -sI https://login.microsoftonline.com | grep -i ^date",
		  .cure = "set the clock and keep it so, as root:\n\ttimedatectl set-ntp true" },
		{ .cause = "the request was held up for minutes on its way (a proxy that queues)",
		  .cure = "try again:\n\t{mstoken} --force" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS700021|AADSTS700023|AADSTS50027|AADSTS700025|AADSTS700028",
	.sample = "invalid_client: AADSTS700023: Client assertion audience claim does not match Realm issuer",
	.cause = {
		{ .cause = "the assertion names another token endpoint than the one that was asked: --authority or cloud "
		    "does not fit the tenant",
		  .tell = "authority is {authority}, cloud is {cloud}",
		  .cure = "leave authority out and set cloud (global, gcc-high, dod, china)" },
		{ .cause = "tenant or client-id is written in a form that differs from Microsoft's",
		  .cure = "set tenant to the directory ID and client-id to the application ID, as the app's Overview "
		    "page shows them" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS7000216|AADSTS7000218|AADSTS7000219",
	.sample = "invalid_client: AADSTS7000218: The request body must contain the following parameter: "
	    "'client_assertion' or 'client_secret'",
	.cause = {
		{ .cause = "the request carried no secret and no certificate",
		  .cure = "set client-secret-file, client-secret-cmd, or cert and key in the account" },
		{ .cause = "something between here and Microsoft removed it (a proxy that breaks up TLS)",
		  .tell = "whose certificate is it?\n"
		    "\topenssl s_client -connect login.microsoftonline.com:443 </dev/null | grep -m1 issuer",
		  .cure = "have the proxy's administrators let login.microsoftonline.com pass unchanged" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS1002012|AADSTS70011|AADSTS700022|AADSTS28002|AADSTS28003|AADSTS901002|"
	    "invalid_scope",
	.sample = "invalid_scope: AADSTS1002012: The provided value for scope https://outlook.office365.com is not valid. "
	    "Client credential flows must have a scope value with /.default suffixed",
	.cause = {
		{ .cause = "the scope {scope} is not one resource with /.default at its end",
		  .cure = SCOPE_CURE },
		{ .cause = "the scope is that of a person's sign-in (IMAP.AccessAsUser.All), not of an app",
		  .cure = "an app takes the scope above; the rights themselves are given in the portal "
		    "(IMAP.AccessAsApp)" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS500011|AADSTS50001|AADSTS650057|AADSTS650052|invalid_resource|invalid_target",
	.sample = "invalid_resource: AADSTS500011: The resource principal named https://outlook.office365.us was not found "
	    "in the tenant named Contoso",
	.cause = {
		{ .cause = "the scope {scope} names a host of another cloud than the tenant's",
		  .tell = "https://outlook.office365.com is for global and GCC, https://outlook.office365.us for gcc-high, "
		    "https://partner.outlook.cn for china",
		  .cure = "leave scope out and set cloud" },
		{ .cause = "the scope is misspelt", .cure = SCOPE_CURE },
		{ .cause = "the tenant has no Exchange Online (no licence with it was ever bought)",
		  .tell = "admin.microsoft.com > Billing > Your products: no plan with Exchange Online",
		  .cure = "use the tenant that the mailboxes are in" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS65001|AADSTS90094|AADSTS900941|AADSTS65004|AADSTS90093|AADSTS90095|consent_required",
	.sample = "invalid_grant: AADSTS65001: The user or administrator has not consented to use the application",
	.cause = {
		{ .cause = "nobody has consented to what the app asks for",
		  .tell = PORTAL_APP " > API permissions: the column \"Status\" says \"Not granted\"",
		  .cure = "an administrator presses \"Grant admin consent\" there" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS7000112|AADSTS70001|AADSTS7000114|AADSTS5000211|AADSTS50105",
	.sample = "unauthorized_client: AADSTS7000112: Application '11111111-2222-3333-4444-555555555555' is disabled",
	.cause = {
		{ .cause = "the app is switched off in this tenant",
		  .tell = "entra.microsoft.com > Enterprise applications > the app > Properties: \"Enabled for users to "
		    "sign-in?\" is No",
		  .cure = "an administrator sets it to Yes" },
		{ .cause = "Microsoft has disabled it (\"Activation status\" on App registrations > the app)",
		  .cure = "ask Microsoft support, or register a new app" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS530035",
	.sample = "invalid_grant: AADSTS530035: Access has been blocked by security defaults",
	.cause = {
		{ .cause = "the tenant's security defaults block this kind of sign-in",
		  .tell = "entra.microsoft.com > Overview > Properties > \"Manage security defaults\"",
		  .cure = "use an app-only token, which they do not touch: the app's own credential with mstoken "
		    "(client-secret-file, or cert and key)" },
		{ .cause = "a Conditional Access policy blocks the app here",
		  .tell = "entra.microsoft.com > Sign-in logs > Service principal sign-ins, by the correlation ID above",
		  .cure = "an administrator leaves the app out of the policy that is named there" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS53003|AADSTS53000|AADSTS53001|AADSTS53002|AADSTS530034|"
	    "AADSTS530036|AADSTS500014",
	.sample = "invalid_grant: AADSTS53003: Access has been blocked by Conditional Access policies. The access policy "
	    "does not allow token issuance",
	.cause = {
		{ .cause = "a Conditional Access policy (for workload identities, often by location) blocks the app here",
		  .tell = "entra.microsoft.com > Sign-in logs > Service principal sign-ins > this failure (by the "
		    "correlation ID above) > Conditional Access names the policy",
		  .cure = "an administrator adds this machine's public address to the policy's named locations, or "
		    "leaves the app out of the policy" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS50034|AADSTS50053|AADSTS50055|AADSTS50056|AADSTS50057|AADSTS50076|AADSTS50079|"
	    "AADSTS50126|AADSTS50158|AADSTS50058|AADSTS700082|AADSTS70008|AADSTS50173|AADSTS70043",
	.sample = "invalid_grant: AADSTS50126: Error validating credentials due to invalid username or password",
	.cause = {
		{ .cause = "this is about a person's sign-in (unknown, locked, password, second factor), not about an app",
		  .tell = "mstoken never asks so; it comes from another program behind token-cmd",
		  .cure = "use the app's own credential with mstoken (client-secret-file, or cert and key), which knows no "
		    "password and no second factor" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS90013|AADSTS90014|AADSTS900144|AADSTS9002313|AADSTS90009|AADSTS700003|AADSTS9002346|"
	    "unsupported_grant_type|AADSTS70003",
	.sample = "invalid_request: AADSTS900144: The request body must contain the following parameter: 'scope'",
	.cause = {
		{ .cause = "the form arrived incomplete or changed: a value of the account is empty, or a proxy rewrote it",
		  .tell = "mstoken -v shows the names of what is sent",
		  .cure = "look at tenant, client-id and scope in {config}" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS90038|AADSTS900382|AADSTS900432|AADSTS90051|AADSTS900439",
	.sample = "invalid_request: AADSTS900382: Confidential Client is not supported in Cross Cloud request",
	.cause = {
		{ .cause = "tenant and login host belong to different national clouds (cloud is {cloud})",
		  .tell = "administrators of the tenant sign in at portal.azure.com (global), portal.azure.us (gcc-high, dod) "
		    "or portal.azure.cn (china)",
		  .cure = "set cloud to that one; it sets login host, IMAP host and scope together" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS90055|AADSTS50196|HTTP 429|too many token requests|not asked again",
	.sample = "too many token requests, again in 60 seconds (HTTP 429: Too Many Requests)",
	.title = "HTTP 429, AADSTS90055 or AADSTS50196: too many requests",
	.cause = {
		{ .cause = "more tokens are asked for than Microsoft gives to one app: usually the cache is not used or not "
		    "shared (--no-cache, --force in a cron job, another HOME or user)",
		  .tell = "the second of these must not take a request (mstoken -v says so):\n"
		    "\t{mstoken} -v >/dev/null; {mstoken} -v >/dev/null",
		  .cure = "drop --force and --no-cache from jobs, and let all jobs share one --cache-dir; mstoken waits by "
		    "itself as long as Microsoft asked" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS90024|AADSTS90033|AADSTS90006|AADSTS50033|AADSTS90012|"
	    "temporarily_unavailable|server_error|HTTP 5*",
	.sample = "temporarily_unavailable: AADSTS90033: A transient error has occurred. Please try again",
	.title = "HTTP 5xx, temporarily_unavailable, AADSTS90024, 90033, 90006, 50033, 90012",
	.cause = {
		{ .cause = "a passing trouble at Microsoft, or of a gateway in between",
		  .tell = "admin.microsoft.com > Health > Service health, if it lasts",
		  .cure = "nothing: the next run asks again" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS7000229|AADSTS700054|AADSTS5000225|AADSTS650051|AADSTS50193",
	.sample = "unauthorized_client: AADSTS7000229: The client application is missing service principal in the tenant",
	.cause = {
		{ .cause = "the app has no enterprise application (service principal) in tenant {tenant}; since March 2026 "
		    "such apps get no token",
		  .tell = "entra.microsoft.com > Enterprise applications > All applications, filter by application ID "
		    "{client}: nothing",
		  .cure = "an administrator of the tenant opens:\n"
		    "\thttps://login.microsoftonline.com/{tenant}/v2.0/adminconsent?client_id={client}"
		    "&redirect_uri=https://localhost&scope=https://ps.outlook.com/.default" },
	},
},
{
	.stages = TOKEN, .pattern = "AADSTS",
	.sample = "invalid_request: AADSTS12345: something new",
	.title = "another AADSTS code",
	.cause = {
		{ .cause = "Microsoft's own page explains the code:",
		  .cure = "\thttps://login.microsoftonline.com/error?code={aadsts}\n"
		    "the sign-in log (entra.microsoft.com > Sign-in logs > Service principal sign-ins) shows the "
		    "request under the correlation ID above" },
	},
},
{
	.stages = TOKEN, .pattern = "interaction_required",
	.sample = "interaction_required: the request needs a person",
	.cause = {
		{ .cause = "the issuer wants a person to sign in (second factor, terms of use), which an app cannot",
		  .tell = "entra.microsoft.com > Sign-in logs > Service principal sign-ins, by the correlation ID above",
		  .cure = "an administrator leaves the app out of the Conditional Access policy that is named there" },
	},
},
{
	.stages = TOKEN, .pattern = "invalid_client",
	.sample = "invalid_client: client authentication failed",
	.title = "invalid_client without a code",
	.cause = {
		{ .cause = "client-id {client} and its secret or certificate do not belong together",
		  .cure = "compare with App registrations > the app > Overview, and Certificates & secrets" },
	},
},
{
	.stages = TOKEN, .pattern = "unauthorized_client|invalid_grant|access_denied",
	.sample = "unauthorized_client: the client may not use this grant",
	.title = "unauthorized_client or invalid_grant without a code",
	.cause = {
		{ .cause = "the issuer knows the app but does not let it have this token",
		  .cure = "look in entra.microsoft.com > Sign-in logs > Service principal sign-ins for the reason" },
	},
},
{
	.stages = TOKEN, .pattern = "redirects",
	.sample = "the token endpoint redirects (HTTP 302), which is not followed",
	.title = "the token endpoint answers with a redirect",
	.cause = {
		{ .cause = "a proxy or a guest network's sign-in page answers in Microsoft's place",
		  .tell = "\tcurl -sI {sh:authority} | head -n 3",
		  .cure = "sign in to the network, or set proxy to the company's proxy" },
		{ .cause = "authority is not the issuer's own address",
		  .cure = "leave authority out and set cloud" },
	},
},
{
	.stages = TOKEN, .pattern = "HTTP 404|HTTP 405|HTTP 410",
	.sample = "the reply is not that of a token endpoint (HTTP 404: not found)",
	.title = "HTTP 404 from the token endpoint",
	.cause = {
		{ .cause = "there is no token endpoint at {authority}/{tenant}",
		  .cure = "leave authority out and set cloud; authority is the login host alone, such as "
		    "https://login.microsoftonline.com" },
	},
},
{
	.stages = TOKEN, .pattern = "HTTP 403|HTTP 401|HTTP 407|HTTP 451|(HTTP 4*html",
	.sample = "the reply is not that of a token endpoint (HTTP 403: Blocked by proxy)",
	.title = "HTTP 403 without an OAuth error",
	.cause = {
		{ .cause = "a proxy or firewall of the company refuses the way to {authority}",
		  .tell = "the body of the answer names it:\n\tcurl -s {sh:authority} | head -n 20",
		  .cure = "have login host and IMAP host (port 993) opened; see \"Office 365 URLs and IP address ranges\" "
		    "at Microsoft, ID 56 and 10" },
	},
},
{
	.stages = TOKEN, .pattern = "not JSON|larger than|reply",
	.sample = "the reply is not that of a token endpoint (HTTP 200)",
	.title = "an answer that is no token",
	.cause = {
		{ .cause = "something else than Entra ID answers: a guest network's sign-in page, a proxy, or a wrong authority",
		  .tell = "\tcurl -s {sh:authority} | head -n 20",
		  .cure = "leave authority out, or set proxy; if it lasts, run mstoken -v and look at the status and type "
		    "of the answer" },
	},
},
{
	.stages = TOKEN, .kinds = K(ERR_UNAVAIL) | K(ERR_AGAIN), .pattern = "in time|timed out",
	.sample = "no answer in time: Operation timed out after 60001 milliseconds with 0 bytes received",
	.title = "no answer from the token endpoint in time",
	.cause = {
		{ .cond = COND_NO_PROXY,
		  .cause = "a firewall drops the connection: from here, https works only through a proxy",
		  .tell = "does a browser on this network use a proxy?",
		  .cure = "set proxy = \"http://HOST:PORT\", or export HTTPS_PROXY" },
		{ .cause = "the network or Microsoft is slow just now",
		  .cure = "nothing: the next run asks again; timeout sets how long to wait" },
	},
},
{
	.stages = TOKEN, .pattern = "closed the connection|connection was lost|the request failed",
	.sample = "the connection was lost: Recv failure: Connection reset by peer",
	.title = "the connection to the token endpoint was lost",
	.cause = {
		{ .cause = "something in between cut the connection, or the endpoint was being restarted",
		  .tell = "it comes back at each try only with a firewall or proxy:\n\tcurl -sv {sh:authority} -o /dev/null",
		  .cure = "the next run asks again; if it lasts, have {authority} let through unchanged, or set proxy" },
	},
},
{
	.stages = TOKEN,
	.sample = "an answer never seen before",
	.title = "anything else from the token endpoint",
	.cause = {
		{ .cause = "the token endpoint gave an answer that this table does not know",
		  .cure = "walk the whole chain, and look at the exchange with its secrets masked:\n"
		    "\t{mscheck} -v" },
	},
},

};
/* clang-format on */

const struct diag_section diag_section_entra = { "The token: Microsoft Entra ID", rows,
	sizeof rows / sizeof rows[0] };
