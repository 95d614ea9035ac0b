// Networks for the browsers of these tests: each a namespace that reaches one address and nobody else, over roads that
// can be narrowed and taken away. They begin in the network that alone.mjs makes, and are gone when their holder ends.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Where Hilum is: an address for documents, so that nothing else ever has it. */
export const HILUM = "198.51.100.1";
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const TRIES = 200;
const RULES = `
table inet street {
  counter elsewhere { }
  chain out {
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    ip daddr ${HILUM} accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } drop
    counter name elsewhere
  }
}
`;
function run(command, input) {
  return execFileSync(command[0], command.slice(1), { input, encoding: "utf8" });
}

const ip = (line) => run(["ip", ...line.split(" ")]);

/** Gives this network the address that is Hilum's. */
export function settle() {
  if (process.env.ALONE !== "yes") throw new Error("this changes the network: run it by node tests/web/alone.mjs");
  ip(`address replace ${HILUM}/32 dev lo`);
}

let roads = 0;

export class Street {
  /** A network with so many roads to Hilum, of which the first is in use. */
  static async make(count = 1) {
    const street = new Street();
    street.holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
    process.once("exit", () => street.holder.kill("SIGKILL"));
    const own = readlinkSync("/proc/self/ns/net");
    for (let attempt = 0; readlinkSync(`/proc/${street.holder.pid}/ns/net`) === own; attempt++) {
      if (attempt === TRIES) throw new Error("no network namespace can be made here");
      await sleep(10);
    }
    // An IPv6 address that is ready a second after its road would be a change of network, which ends what a page loads.
    street.run(["sh", "-c", "echo 1 | tee /proc/sys/net/ipv6/conf/*/disable_ipv6"]);
    street.ip("link set lo up");
    street.run(["nft", "-f", "-"], RULES);
    street.roads = Array.from({ length: count }, () => street.#lay());
    street.use(0, 2);
    street.folder = mkdtempSync(path.join(tmpdir(), "street-"));
    street.chromium = path.join(street.folder, "chromium");
    writeFileSync(street.chromium, `#!/bin/sh\nexec ${street.#inside().join(" ")} ${CHROMIUM} "$@"\n`);
    chmodSync(street.chromium, 0o755);
    return street;
  }

  #inside() {
    return ["nsenter", "--target", String(this.holder.pid), "--net", "--"];
  }

  run(command, input) {
    return run([...this.#inside(), ...command], input);
  }

  ip(line) {
    return this.run(["ip", ...line.split(" ")]);
  }

  #lay() {
    const number = roads++;
    const [near, far, net] = [`road${number}`, `way${number}`, `10.77.${number}`];
    ip(`link add ${near} type veth peer name ${far} netns ${this.holder.pid}`);
    ip(`link set ${near} addrgenmode none`);
    ip(`address add ${net}.1/24 dev ${near}`);
    ip(`link set ${near} up`);
    return { near, far, net };
  }

  /** This network's own end has the address with this number from now on; every other one is gone. */
  use(road, host) {
    const { far, net } = this.roads[road];
    for (const other of this.roads) {
      this.ip(`address flush dev ${other.far}`);
      if (other.far !== far) this.ip(`link set ${other.far} down`);
    }
    this.ip(`link set ${far} up`);
    this.ip(`address add ${net}.${host}/24 dev ${far}`);
    this.ip(`route add default via ${net}.1`);
  }

  /** So many bits per second, both ways; 0 is no limit. */
  narrow(road, bits) {
    const { near, far } = this.roads[road];
    const shape = ["root", "tbf", "rate", `${bits}bit`, "burst", "4kb", "latency", "300ms"];
    const tc = (device) => ["tc", "qdisc", ...(bits ? ["replace", "dev", device, ...shape] : ["del", "dev", device, "root"])];
    this.run(tc(far));
    run(tc(near));
  }

  /** Nothing goes by TCP any more, neither pages nor signaling, or it does again. */
  silence(silent) {
    const chain = "chain out { type filter hook output priority -1; policy accept; meta l4proto tcp drop\n }";
    this.run(["nft", "-f", "-"], silent ? `table inet silent {\n ${chain}\n}` : "delete table inet silent");
  }

  /** Packets that were for anybody but Hilum. */
  elsewhere() {
    const { nftables } = JSON.parse(this.run(["nft", "--json", "list", "counters"]));
    return nftables.find(({ counter }) => counter).counter.packets;
  }

  end() {
    // They would be there for a while yet, and the next file's have the same names.
    for (const { near } of this.roads) ip(`link delete ${near}`);
    this.holder.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
