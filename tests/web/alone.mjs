// Runs the tests that are named in a network of their own, from which nothing is reached but what they start
// themselves: `node tests/web/alone.mjs FILE...`. Whatever goes elsewhere is counted and dropped, and one packet is a
// failure. Needs root, or a system that lets everybody make namespaces.
import { execFileSync, spawn } from "node:child_process";
import dgram from "node:dgram";
import process from "node:process";

/** One of the addresses that are for documents only: nobody is there. */
const NOBODY = "192.0.2.1";
/** Networks of browsers: what Hilum answers to one whose road has just been taken away is for nobody else. */
const STREETS = "10.77.0.0/16";
// There is a way out, so that what takes it is seen: without one, the system says no before anything is counted. To ask
// for a name is to go elsewhere as well, even where a resolver of this machine is asked. No address comes by itself a
// second later: browsers take that for a change of network, and give up what they are loading.
const WAY_OUT = [
  "link set lo up",
  "link add away0 type veth peer name away1",
  "link set away0 addrgenmode none",
  "link set away1 addrgenmode none",
  "address add 10.99.0.1/24 dev away0",
  "link set away0 up",
  "link set away1 up",
  "neighbour add 10.99.0.2 lladdr 02:00:00:00:00:01 dev away0",
  "route add default via 10.99.0.2",
];
const RULES = `
table inet alone {
  counter elsewhere { }
  set whom { type inet_proto . ipv4_addr . inet_service; flags dynamic; size 64; }
  chain out {
    type filter hook output priority 0; policy drop;
    oifname { "lo", "road*" } th dport != { 53, 853 } accept
    oifname { "lo", "road*" } meta l4proto { icmp, icmpv6 } accept
    ip daddr ${STREETS} accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, mld2-listener-report } drop
    update @whom { meta l4proto . ip daddr . th dport }
    counter name elsewhere
  }
}
`;

const run = (command, input) => execFileSync(command[0], command.slice(1), { input, encoding: "utf8" });

/** Packets that were for somebody else. */
function elsewhere() {
  const { nftables } = JSON.parse(run(["nft", "--json", "list", "counters"]));
  return nftables.find(({ counter }) => counter)?.counter.packets;
}

/** Protocol, address and port of those whom they were for, as far as they fit. */
const whom = () => run(["nft", "list", "set", "inet", "alone", "whom"]).match(/elements = .*/s)?.[0] ?? "";

/** A counter that sees nothing proves nothing. */
async function proveCounter() {
  const socket = dgram.createSocket("udp4");
  await new Promise((resolve) => socket.send("?", 9, NOBODY, resolve));
  socket.close();
  if (elsewhere() !== 1) throw new Error(`a packet to ${NOBODY} was counted ${elsewhere()} times`);
  run(["nft", "reset", "counters"]);
  run(["nft", "flush", "set", "inet", "alone", "whom"]);
}

if (process.env.ALONE !== "yes") {
  const own = process.getuid() === 0 ? [] : ["--user", "--map-root-user"];
  const command = [...own, "--net", process.execPath, ...process.argv.slice(1)];
  const child = spawn("unshare", command, { stdio: "inherit", env: { ...process.env, ALONE: "yes" } });
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => child.kill(signal));
  child.once("exit", (code) => process.exit(code ?? 1));
} else {
  for (const line of WAY_OUT) run(["ip", ...line.split(" ")]);
  run(["nft", "-f", "-"], RULES);
  await proveCounter();
  const files = process.argv.slice(2);
  const child = spawn(process.execPath, ["--test", "--test-concurrency=1", ...files], { stdio: "inherit" });
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => child.kill(signal));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  const packets = elsewhere();
  console.log(`${packets} packets were for anybody but Hilum and its browsers ${packets ? whom() : ""}`);
  process.exit(code || (packets ? 1 : 0));
}
