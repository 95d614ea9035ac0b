// A whole Hilum with a door, visits and a staff account, as a hospital would start it, in a folder of its own.
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, makeCertificate } from "./relay.mjs";

const TRIES = 200;
const CLINIC = "physio";

/** The code of an authenticator (RFC 6238), from its secret in base32. */
export function code(secret, seconds = Date.now() / 1000) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/[^A-Z2-7]/g, "")]
    .map((each) => letters.indexOf(each).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(seconds / 30)));
  const sum = createHmac("sha1", key).update(step).digest();
  const at = sum[19] & 15;
  return String((sum.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** `host` is where it listens and is found, on `port`; `credentials` are the seconds that those of a call are good. */
export async function startPlace(
  binary,
  { origins = [], host = "127.0.0.1", port, credentials = 3600, more = async () => "" } = {},
) {
  const folder = mkdtempSync(path.join(tmpdir(), "place-"));
  const hilum = (...args) => execFileSync(path.resolve(binary), args, { cwd: folder, encoding: "utf8" });
  const at = (name) => path.join(folder, name);
  makeCertificate(folder);
  hilum("keys", "new", "--keyring", at("keyring.toml"), "--kid", "one", "--out", folder, "--issuer", "clinic");
  const shown = hilum(
    "api-key",
    "new",
    "--role",
    "issuer",
    "--name",
    "records",
    "--keys",
    at("api-keys.toml"),
    "--json",
  );
  port ??= await freePort();
  const admin = await freePort();
  const name = host === "127.0.0.1" ? "localhost" : host;
  const origin = `https://${name}${port === 443 ? "" : `:${port}`}`;
  const urls = ["turn:%?transport=udp", "turn:%?transport=tcp", "turns:%?transport=tcp"].map((url) =>
    url.replace("%", `${host}:${port}`),
  );
  writeFileSync(
    at("hilum.toml"),
    `[server]
shards = 2
state = "state"
[listen]
udp = []
tcp = []
door = ["${host}:${port}"]
[tls]
certificate = "certificate.pem"
key = "key.pem"
[relay]
addresses = ["${host}"]
[tokens]
keyring = "keyring.toml"
cluster = "cluster"
region = "eu-north"
[operator]
socket = "operator.sock"
[api]
keys = "api-keys.toml"
[mint]
key = "one.pem"
kid = "one"
issuer = "clinic"
urls = ${JSON.stringify(urls)}
[signal]
origins = ${JSON.stringify([origin, ...origins])}
credentials = ${credentials}
[[signal.clinic]]
id = "${CLINIC}"
name = "Physiotherapy"
[admin]
listen = "127.0.0.1:${admin}"
[audit]
directory = "audit"
node = "relay-1"
${await more(origin, at)}`,
  );
  const log = openSync(at("log"), "w");
  const server = spawn(path.resolve(binary), ["serve", "--config", at("hilum.toml")], {
    cwd: folder,
    stdio: ["ignore", log, log],
  });
  process.once("exit", () => server.kill("SIGKILL"));
  const place = {
    folder,
    origin,
    pid: server.pid,
    metrics: async () => (await fetch(`http://127.0.0.1:${admin}/metrics`)).text(),
    log: () => readFileSync(at("log"), "utf8"),
    hilum: (...args) => hilum(...args, "--socket", at("operator.sock")),
    key: JSON.parse(shown).key,
    fetch: (route, from) => ask(from, "GET", route),
    /** Asks as the hospital's own system does. */
    api: (method, route, body) => ask(origin, method, route, JSON.parse(shown).key ?? JSON.parse(shown).secret, body),
    async stop() {
      server.kill("SIGTERM");
      if (server.exitCode === null) await new Promise((resolve) => server.once("exit", resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  for (let attempt = 0; ; attempt++) {
    const answer = await ask(origin, "GET", "/").catch(() => undefined);
    if (answer?.status === 200) break;
    if (attempt === TRIES || server.exitCode !== null) throw new Error(`Hilum does not start:\n${place.log()}`);
    await sleep(50);
  }
  // A code is good once, so whoever signs in twice within half a minute does so with two accounts.
  const staff = (name) =>
    JSON.parse(place.hilum("staff", "add", name, "--role", "clinician", "--clinic", CLINIC, "--json"));
  return Object.assign(place, { clinic: CLINIC, staff, account: staff("dr.rivers") });
}

export function ask(origin, method, route, key, body) {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(key ? { authorization: `Bearer ${key}` } : {}),
      ...(body ? { "content-type": "application/json" } : {}),
    };
    const request = https.request(
      `${origin}${route}`,
      { method, headers, rejectUnauthorized: false },
      async (answer) => {
        let text = "";
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode, headers: answer.headers, text });
      },
    );
    request.on("error", reject);
    request.end(body ? JSON.stringify(body) : undefined);
  });
}
