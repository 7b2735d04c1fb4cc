// Starts one provider of other people's making on a loopback port:
//
//   node serve.mjs oidc-provider|oauth2-mock-server|auth0|github|google|microsoft|okta|apple|slack
//
// The environment says PORT, CLIENT_ID, CLIENT_SECRET and what of the client is registered:
// REDIRECT_URI, POST_LOGOUT_REDIRECT_URI, BACKCHANNEL_LOGOUT_URI, CLIENT_JWKS.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const say = process.env;
const port = Number(say.PORT);
const issuer = `http://127.0.0.1:${port}`;

// Some of them listen on every address.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
  const done = args.find((arg) => typeof arg === 'function');
  return listen.call(this, { port, host: '127.0.0.1' }, done);
};

const people = {
  alice: { name: 'Alice Adams', email: 'alice@example.com', groups: ['staff', 'chat'] },
  bob: { name: 'Bob Brown', email: 'bob@example.com', groups: ['staff'] },
};
const logins = Object.keys(people);

async function oidcProvider() {
  const more = say.CLAIMS_FILE ? JSON.parse(readFileSync(say.CLAIMS_FILE)) : {}; // of everybody
  const { default: Provider } = await import('oidc-provider');
  const client = {
    client_id: say.CLIENT_ID,
    redirect_uris: [say.REDIRECT_URI],
    post_logout_redirect_uris: [say.POST_LOGOUT_REDIRECT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  };
  if (say.BACKCHANNEL_LOGOUT_URI) {
    client.backchannel_logout_uri = say.BACKCHANNEL_LOGOUT_URI;
    client.backchannel_logout_session_required = true;
  }
  if (say.CLIENT_JWKS) {
    client.token_endpoint_auth_method = 'private_key_jwt';
    client.token_endpoint_auth_signing_alg = 'ES256';
    client.jwks = JSON.parse(say.CLIENT_JWKS);
  } else {
    client.client_secret = say.CLIENT_SECRET;
  }
  const provider = new Provider(issuer, {
    clients: [client],
    cookies: { keys: ['of these tests alone'] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'groups', 'picture'] },
    features: {
      devInteractions: { enabled: true },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
      revocation: { enabled: true },
    },
    // Its own guard against requests to internal addresses would stop posts to loopback.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, email_verified: true, ...people[id], ...more }),
    }),
    ttl: { AccessToken: Number(say.ACCESS_TOKEN_LIFE ?? 3600), Session: 3600, Grant: 3600, RefreshToken: 3600, IdToken: 3600, Interaction: 600 },
    rotateRefreshToken: true,
  });
  provider.listen(port);
}

// The forgery of the next ID token is asked for by a request of the test's own.
async function mockServer() {
  const { OAuth2Server } = await import('oauth2-mock-server');
  const server = new OAuth2Server();
  server.issuer.url = issuer;
  await server.issuer.keys.generate('RS256');
  const later = Math.floor(Date.now() / 1000) + 7200;
  const forgeries = {
    none: () => {},
    'another audience': (claims) => { claims.aud = 'somebody-else'; },
    'another issuer': (claims) => { claims.iss = 'http://127.0.0.1:1'; },
    'no subject': (claims) => { delete claims.sub; },
    'another nonce': (claims) => { claims.nonce = 'of another sign-in'; },
    'issued in the future': (claims) => { claims.iat = later; },
    'expired': (claims) => { claims.exp = claims.iat - 3600; },
    'no expiry': (claims) => { delete claims.exp; },
  };
  let forge = say.FORGERY ?? 'none';
  server.service.on('beforeTokenSigning', (token) => {
    if (token.payload.nonce || token.payload.aud === say.CLIENT_ID) forgeries[forge](token.payload);
  });
  server.service.on('beforeUserinfo', (answer) => {
    if (forge === 'userinfo of another') answer.body.sub = 'mallory';
  });
  forgeries['userinfo of another'] = forgeries.none;
  await server.start(port, '127.0.0.1');
}

async function auth0() {
  // Its module for import cannot sign.
  const { simulation } = createRequire(import.meta.url)('@simulacrum/auth0-simulator');
  const users = logins.map((login) => ({ id: `auth0|${login}`, name: people[login].name, email: people[login].email, password: `${login}-at-auth0` }));
  simulation({ options: { clientID: say.CLIENT_ID }, initialState: { users } }).listen(port);
}

async function lookAlike(service) {
  const { createEmulator } = await import('emulate');
  const client = { client_id: say.CLIENT_ID, client_secret: say.CLIENT_SECRET, name: 'Cardea', redirect_uris: [say.REDIRECT_URI, say.POST_LOGOUT_REDIRECT_URI] };
  const accounts = logins.map((login) => ({ login, email: people[login].email, name: people[login].name, real_name: people[login].name }));
  const seeds = {
    github: { users: accounts, orgs: [{ login: 'acme' }], oauth_apps: [client] },
    google: { users: accounts, oauth_clients: [client] },
    microsoft: { users: accounts, oauth_clients: [client] },
    okta: {
      users: logins.map((login) => ({ login: people[login].email, email: people[login].email, first_name: people[login].name.split(' ')[0], last_name: people[login].name.split(' ')[1] })),
      groups: [{ name: 'staff' }], oauth_clients: [client],
    },
    apple: { users: accounts, oauth_clients: [client] },
    slack: { users: logins.map((name) => ({ name, real_name: people[name].name, email: people[name].email })), oauth_apps: [{ ...client, user_scopes: ['users.profile:read'] }] },
  };
  await createEmulator({ service, port, baseUrl: issuer, seed: { [service]: seeds[service] } });
}

const started = { 'oidc-provider': oidcProvider, 'oauth2-mock-server': mockServer, auth0 };
const kind = process.argv[2];
await (started[kind] ?? lookAlike)(kind);
console.log('ready');
