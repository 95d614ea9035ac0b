// A hospital's provider of OpenID Connect: oidc-provider, which is certified and not ours, on loopback.
import { once } from "node:events";
import Provider from "oidc-provider";
import { freePort } from "./relay.mjs";

export const CLIENT = { id: "hilum", secret: "the-secret-of-hilum-at-the-hospital" };

/** Signs in whoever gives a name, in the groups that `groups` has for it. */
export async function startProvider(origin, groups) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const claims = (name) => ({
    sub: name,
    preferred_username: `${name}@clinic.example`,
    groups: groups[name] ?? [],
  });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [`${origin}/v1/staff/openid/return`],
        response_types: ["code"],
        grant_types: ["authorization_code"],
      },
    ],
    pkce: { methods: ["S256"], required: () => true },
    claims: { openid: ["sub", "groups"], profile: ["preferred_username"] },
    conformIdTokenClaims: false,
    cookies: { keys: ["a key of this test"] },
    findAccount: (_, name) => ({ accountId: name, claims: () => claims(name) }),
  });
  const server = provider.listen(port, "127.0.0.1");
  await once(server, "listening");
  return { issuer, stop: () => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())) };
}
