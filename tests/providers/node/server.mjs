// An OpenID provider for tests: the npm package oidc-provider with accounts, clients and switches from outside.
//
// Usage: node server.mjs PORT CONFIG.json
// POST /control/accounts  {"<login>": {claims} or null, ...}   add, change or (null) remove accounts
// POST /control/sessions  {"login": "<login>"}                 end what was granted to somebody
//
// The login form takes any password; whoever has no account is refused.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const [port, file] = process.argv.slice(2)
const { clients, settings = {} } = JSON.parse(readFileSync(file, 'utf8'))
const accounts = new Map()
const grants = new Map()

const jwk = (kind, options, use) => ({
  ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }),
  ...use,
})

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: {
    keys: [
      jwk('rsa', { modulusLength: 2048 }, { use: 'sig', kid: 'rsa' }),
      jwk('ec', { namedCurve: 'P-256' }, { use: 'sig', kid: 'ec' }),
    ],
  },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username', 'groups', 'realm_access', 'resource_access', 'employee'],
    email: ['email', 'email_verified'],
  },
  features: {
    devInteractions: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  async findAccount(ctx, id) {
    if (!accounts.has(id)) return undefined
    return { accountId: id, claims: async () => ({ sub: id, ...accounts.get(id) }) }
  },
  ...settings,
})
provider.on('grant.success', (ctx) => {
  const { Account, Grant } = ctx.oidc.entities
  if (Account && Grant) grants.set(Account.accountId, Grant.jti)
})

async function control(path, body) {
  if (path === '/control/accounts') {
    for (const [login, claims] of Object.entries(body)) {
      if (claims) accounts.set(login, claims)
      else accounts.delete(login)
    }
  } else if (path === '/control/sessions') {
    const grant = grants.get(body.login)
    await provider.RefreshToken.revokeByGrantId?.(grant)
    const found = await provider.Grant.find(grant)
    await found?.destroy()
  } else {
    return 404
  }
  return 204
}

const answer = provider.callback()
createServer(async (request, response) => {
  if (!request.url.startsWith('/control/')) return answer(request, response)
  let text = ''
  for await (const part of request) text += part
  response.statusCode = await control(request.url, JSON.parse(text))
  response.end()
}).listen(Number(port), '127.0.0.1')
