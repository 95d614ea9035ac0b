// A Hilum that relays for the browsers of these tests, on loopback and on ports that are free.
import { execFileSync, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const HOST = "127.0.0.1";
const SECRET = "a-secret-that-only-these-tests-know";
const READY_TRIES = 200;

/** A port that is free now. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function makeCertificate(folder) {
  const [certificate, key] = [path.join(folder, "certificate.pem"), path.join(folder, "key.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...names, "-keyout", key, "-out", certificate], {
    stdio: "ignore",
  });
  chmodSync(key, 0o600);
  return { certificate, key };
}

export async function startRelay(binary) {
  const folder = mkdtempSync(path.join(tmpdir(), "relay-"));
  const { certificate, key } = makeCertificate(folder);
  const [plain, tls, admin] = [await freePort(), await freePort(), await freePort()];
  const secret = path.join(folder, "secret");
  writeFileSync(secret, `${SECRET}\n`, { mode: 0o600 });
  const config = path.join(folder, "hilum.toml");
  writeFileSync(
    config,
    `[server]
realm = "hilum"
shards = 1
drain = 1
[listen]
udp = ["${HOST}:${plain}"]
tcp = ["${HOST}:${plain}"]
tls = ["${HOST}:${tls}"]
[tls]
certificate = "${certificate}"
key = "${key}"
[relay]
addresses = ["${HOST}"]
[auth]
shared_secret_files = ["${secret}"]
[seal]
mode = "enforce"
[limits]
allocations_per_user = 200
[admin]
listen = "${HOST}:${admin}"
`,
  );
  const server = spawn(binary, ["serve", "--config", config], { stdio: "ignore" });
  // However this process ends, nothing of it stays.
  process.once("exit", () => server.kill("SIGKILL"));
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(1));
  const ready = () =>
    fetch(`http://${HOST}:${admin}/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  for (let attempt = 0; !(await ready()); attempt++) {
    if (attempt === READY_TRIES || server.exitCode !== null) throw new Error("the relay is not ready");
    await sleep(50);
  }
  return {
    admin: `http://${HOST}:${admin}`,
    /** Credentials of one person. */
    turn(person, seconds = 600) {
      const expires = Math.floor(Date.now() / 1000) + seconds;
      const username = `${expires}:${person}`;
      return {
        urls: [
          `turn:${HOST}:${plain}?transport=udp`,
          `turn:${HOST}:${plain}?transport=tcp`,
          `turns:${HOST}:${tls}?transport=tcp`,
        ],
        username,
        credential: createHmac("sha1", SECRET).update(username).digest("base64"),
        expires,
        region: "here",
      };
    },
    async stop() {
      server.kill("SIGTERM");
      if (server.exitCode === null) await new Promise((resolve) => server.once("exit", resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
