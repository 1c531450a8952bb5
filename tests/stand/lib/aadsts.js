/*
 * aadsts: what Entra ID's token endpoint says for each error: the value of
 * "error", the HTTP status, the text (Microsoft's "Microsoft Entra
 * authentication and authorization error codes", and public threads).
 */
'use strict';

const app = "'33333333-aaaa-4bbb-8ccc-444444444444'";
const tenant = "'11111111-aaaa-4bbb-8ccc-222222222222'";

const ERRORS = {
	7000215: ['invalid_client', 401, 'Invalid client secret provided. Ensure the secret being sent in the request is the ' +
		`client secret value, not the client secret ID, for a secret added to app ${app}.`],
	7000222: ['invalid_client', 401, `The provided client secret keys for app ${app} are expired. Visit the Azure portal to ` +
		'create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added ' +
		'security: https://aka.ms/certCreds.'],
	700016: ['unauthorized_client', 400, `Application with identifier ${app} was not found in the directory ${tenant}. This ` +
		'can happen if the application has not been installed by the administrator of the tenant or consented to by any user ' +
		'in the tenant. You may have sent your authentication request to the wrong tenant.'],
	90002: ['invalid_request', 400, `Tenant ${tenant} not found. Check to make sure you have the correct tenant ID and are ` +
		'signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active ' +
		'subscriptions for the tenant.'],
	900023: ['invalid_request', 400,
		"Specified tenant identifier 'contoso' is neither a valid DNS name, nor a valid external domain."],
	700027: ['invalid_client', 401, 'The certificate with identifier used to sign the client assertion is not registered on ' +
		"application. [Reason - The key was not found., Thumbprint of key used by client: '0123456789ABCDEF'"],
	700024: ['invalid_client', 401, 'Client assertion is not within its valid time range. Current time: ' +
		'2026-11-28T10:00:00.0000000Z, assertion valid from 2026-11-28T09:00:00.0000000Z, expiry time of assertion ' +
		'2026-11-28T09:10:00.0000000Z.'],
	700021: ['invalid_client', 401, 'Client assertion application identifier doesn\'t match \'client_id\' parameter.'],
	700022: ['invalid_scope', 400, 'The provided value for the input parameter scope is not valid because it contains more ' +
		'than one resource.'],
	700023: ['invalid_client', 401, 'Client assertion audience claim does not match Realm issuer.'],
	50027: ['invalid_request', 400, 'Invalid JWT token. No certificate thumbprint specified in token header.'],
	5002730: ['invalid_request', 400, 'Invalid JWT token. Unsupported key for the signing algorithm.'],
	7000216: ['invalid_client', 401, "'client_assertion', 'client_secret' or 'request' is required for the " +
		"'client_credentials' grant type."],
	7000218: ['invalid_client', 401, "The request body must contain the following parameter: 'client_assertion' or " +
		"'client_secret'."],
	1002012: ['invalid_scope', 400, 'The provided value for scope https://outlook.office365.com/IMAP.AccessAsApp is not ' +
		'valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier ' +
		'(application ID URI).'],
	70011: ['invalid_scope', 400, "The provided value for the input parameter 'scope' is not valid. The scope " +
		'https://outlook.office365.com/.defalt is not valid.'],
	500011: ['invalid_resource', 400, 'The resource principal named https://outlook.office365.us was not found in the tenant ' +
		'named Contoso. This can happen if the application has not been installed by the administrator of the tenant or ' +
		'consented to by any user in the tenant.'],
	65001: ['invalid_grant', 400, `The user or administrator has not consented to use the application with ID ${app} named ` +
		"'mstools'. Send an interactive authorization request for this user and resource.", { suberror: 'consent_required' }],
	90094: ['invalid_grant', 400, 'Admin consent is required for the permissions requested by this application.'],
	7000112: ['unauthorized_client', 400, `Application ${app} (mstools) is disabled.`],
	70001: ['unauthorized_client', 400, 'The application is disabled.'],
	53003: ['invalid_grant', 400, 'Access has been blocked by Conditional Access policies. The access policy does not allow ' +
		'token issuance.', { suberror: 'message_only', claims: '{"access_token":{"capolids":{"essential":true}}}' }],
	530035: ['invalid_grant', 400, 'Access has been blocked by security defaults.'],
	50034: ['invalid_grant', 400, "The user account does not exist in the directory."],
	50053: ['invalid_grant', 400, 'The account is locked, you\'ve tried to sign in too many times with an incorrect user ID ' +
		'or password.'],
	50076: ['interaction_required', 400, 'Due to a configuration change made by your administrator, or because you moved to ' +
		'a new location, you must use multi-factor authentication to access the resource.', { suberror: 'basic_action' }],
	50126: ['invalid_grant', 400, 'Error validating credentials due to invalid username or password.'],
	50059: ['invalid_request', 400, 'No tenant-identifying information found in either the request or implied by any ' +
		'provided credentials.'],
	9001023: ['invalid_request', 400, 'The grant type is not supported over the /common or /consumers endpoints. Please use ' +
		'the /organizations or tenant-specific endpoint.'],
	90013: ['invalid_request', 400, 'Invalid input received from the user.'],
	90014: ['invalid_request', 400, "The required field 'scope' is missing from the credential."],
	900144: ['invalid_request', 400, "The request body must contain the following parameter: 'grant_type'."],
	9002313: ['invalid_request', 400, 'Invalid request. Request is malformed or invalid.'],
	901002: ['invalid_request', 400, "The 'resource' request parameter is not supported."],
	90024: ['temporarily_unavailable', 503, 'RequestBudgetExceededError - A transient error has occurred. Try again.'],
	90033: ['temporarily_unavailable', 503, 'The service is temporarily unavailable. Please retry later.'],
	90006: ['temporarily_unavailable', 503, 'An external server error occurred. Try again.'],
	50033: ['temporarily_unavailable', 503, 'A transient error has occurred. Please try again.'],
	90012: ['temporarily_unavailable', 503, 'The request has timed out.'],
	90055: ['temporarily_unavailable', 429, 'Tenant is throttled because there are too many requests.'],
	50196: ['invalid_grant', 400, 'The server terminated an operation because it encountered a client request loop. Please ' +
		'contact your app vendor.'],
	90038: ['invalid_request', 400, 'The tenant is part of a national cloud whose endpoint is login.microsoftonline.us.'],
	900382: ['invalid_request', 400, 'Confidential Client is not supported in Cross Cloud request.'],
	900432: ['invalid_request', 400, 'Confidential Client is not supported in Cross Cloud request.'],
	70008: ['invalid_grant', 400, 'The provided authorization code or refresh token has expired due to inactivity.'],
	700082: ['invalid_grant', 400, 'The refresh token has expired due to inactivity. The token was issued on ' +
		'2026-08-01T10:00:00.0000000Z and was inactive for 90.00:00:00.'],
	700084: ['invalid_grant', 400, 'The refresh token was issued to a single page app (SPA), and therefore has a fixed, ' +
		'limited lifetime.'],
	50173: ['invalid_grant', 400, 'The provided grant has expired due to it being revoked, a fresh auth token is needed.'],
	7000016: ['authorization_pending', 400, 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.'],
	70016: ['authorization_pending', 400, 'OAuth 2.0 device flow error. Authorization is pending. Continue polling.'],
	70018: ['bad_verification_code', 400, 'Invalid verification code due to user typing in wrong user code for device code ' +
		'flow.'],
	70019: ['expired_token', 400, 'Verification code expired. Have the user retry the sign-in.'],
	70020: ['expired_token', 400, 'The provided value for the input parameter \'device_code\' is not valid.'],
};

const TRACE = 'f3a1c6a2-0d6e-4a1c-8f0b-2d1c3b4a5e00';
const CORRELATION = '0a9b8c7d-1e2f-4a3b-9c4d-5e6f7a8b9c0d';

/* [HTTP status, JSON]; crlf: the separators that Entra used for years. */
function
aadsts(code, crlf = false)
{
	const [error, status, text, more = {}] = ERRORS[code];
	const now = new Date().toISOString().replace('T', ' ').replace(/\..*/, 'Z');
	const sep = crlf ? '\r\n' : ' ';

	return [status, {
		error,
		error_description: [`AADSTS${code}: ${text}`, `Trace ID: ${TRACE}`, `Correlation ID: ${CORRELATION}`,
			`Timestamp: ${now}`].join(sep),
		error_codes: [Number(code)], timestamp: now, trace_id: TRACE, correlation_id: CORRELATION,
		error_uri: `https://login.microsoftonline.com/error?code=${code}`, ...more,
	}];
}

module.exports = { ERRORS, aadsts };
