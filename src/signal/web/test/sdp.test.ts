// The client's filter against what the service's is held against: recordings of both browsers, and each rule broken.
import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { MOST_CANDIDATES, Session, fingerprint, fragments, judgeCandidate, read } from "../src/rtc";

interface Recorded {
  descriptions: { name: string; type: "offer" | "answer"; sdp: string }[];
  candidates: { from: string; candidate: string }[];
}

// The tests run where the package is.
const TREE = "../../..";
const OFFERS = `${TREE}/tests/signal/offers`;
const recorded = (file: string) => JSON.parse(readFileSync(`${OFFERS}/${file}`, "utf8")) as Recorded;
const of = (name: string) => recorded("chromium-all.json").descriptions.find((one) => one.name === name)?.sdp ?? "";
const good = of("first-offer");
const gathered = of("gathered");

/** A line that is put into the first section. */
const put = (text: string, line: string) => text.replace("a=rtcp-mux\r\n", `a=rtcp-mux\r\n${line}\r\n`);
const without = (text: string, start: string) => text.replace(new RegExp(`^${start}.*\r\n`, "gm"), "");
const line = (start: string) => good.split("\r\n").find((each) => each.startsWith(start)) ?? "";
const replaced = (from: string, to: string, text = good) => {
  ok(text.includes(from), from);
  return text.replaceAll(from, to);
};
const first = (from: string, to: string, text = good) => {
  ok(text.includes(from), from);
  return text.replace(from, to);
};

const print = line("a=fingerprint:");
const other = `${print.slice(0, -2)}${print.endsWith("00") ? "01" : "00"}`;
const hello = (name: string) => `a=fingerprint:${name} ${Array(20).fill("AB").join(":")}`;
const [ufrag, password] = [line("a=ice-ufrag:"), line("a=ice-pwd:")];
/** Another user name, another password, or both. */
const credentials = (text: string, names: boolean, passwords: boolean) =>
  text
    .replace(/a=ice-ufrag:.*\r/g, (old) => (names ? "a=ice-ufrag:other\r" : old))
    .replace(/a=ice-pwd:.*\r/g, (old) => (passwords ? "a=ice-pwd:another/password/of/24++\r" : old));

const LINES: [string, string][] = [
  ["sdp_too_long", put(good, Array(12_000).fill("a=x:y").join("\r\n"))],
  ["sdp_line_too_long", put(good, `a=x:${"y".repeat(4_000)}`)],
  ["sdp_bytes", put(good, "a=x:\u0007")],
  ["sdp_bytes", put(good, "a=x:\u202e")],
  ["sdp_bytes", put(good, "a=x\na=crypto:1")],
  ["sdp_bytes", put(good, "a=x\ra=crypto:1")],
  ["sdp_syntax", put(good, "")],
  ["sdp_syntax", put(good, "attribute")],
  ["sdp_syntax", put(good, "x=y")],
  ["sdp_syntax", put(good, "t=0 0")],
  ["sdp_syntax", good.trimEnd()],
  ["sdp_syntax", put(good, ufrag)],
  ["sdp_syntax", ""],
  ["sdp_syntax", replaced("a=mid:1", "a=mid:a b")],
  // A name that is no token (RFC 8866 §9) may be read as another one by somebody who trims it.
  ["sdp_syntax", put(good, "a=crypto :1 AES_CM_128_HMAC_SHA1_80 inline:x")],
  ["sdp_syntax", put(good, "a= crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x")],
  ["sdp_syntax", put(good, "a=:1")],
  ["sdp_syntax", put(good, "a=")],
  ["sdp_syntax", put(good, "a=ice-lite ")],
  ["sdp_syntax", put(good, "a=x(y):1")],
  ["sdp_version", replaced("v=0", "v=1")],
  ["sdp_words", replaced("s=-", "s=Anna Example")],
  ["sdp_words", replaced("s=-", "s=-\r\ni=Anna Example")],
  ["sdp_words", replaced("o=- ", "o=anna ")],
  ["sdp_key", replaced("t=0 0", "t=0 0\r\nk=clear:secret")],
  ["sdp_sections", good.slice(0, good.indexOf("m=audio"))],
  ["sdp_sections", `${good}${"m=video 0 UDP/TLS/RTP/SAVPF 96\r\n".repeat(6)}`],
  ["sdp_media", replaced("m=audio", "m=text")],
  ["sdp_media", replaced("webrtc-datachannel", "5000")],
  ["sdp_profile_avp", first("UDP/TLS/RTP/SAVPF", "RTP/AVP")],
  ["sdp_profile_avpf", first("UDP/TLS/RTP/SAVPF", "RTP/AVPF")],
  ["sdp_profile_savp", first("UDP/TLS/RTP/SAVPF", "RTP/SAVP")],
  ["sdp_profile_savp", first("UDP/TLS/RTP/SAVPF", "RTP/SAVPF")],
  ["sdp_profile", first("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF")],
  ["sdp_profile", replaced("UDP/DTLS/SCTP", "TCP/DTLS/SCTP")],
];

const TRANSPORTS: [string, string][] = [
  ["sdp_crypto", put(good, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA")],
  ["sdp_crypto", put(good, "a=Crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA")],
  ["sdp_key_mgmt", put(good, "a=key-mgmt:mikey AAAA")],
  ["sdp_zrtp", put(good, "a=zrtp-hash:1.10 fe30")],
  ["sdp_fingerprint_missing", without(good, "a=fingerprint")],
  ["sdp_fingerprint_weak", replaced(print, hello("sha-1"))],
  ["sdp_fingerprint_weak", put(good, hello("MD5"))],
  ["sdp_fingerprint_malformed", replaced(print, hello("sha-256"))],
  ["sdp_fingerprint_malformed", replaced(print, hello("sha-3"))],
  ["sdp_fingerprint_differs", first(print, other)],
  ["sdp_fingerprint_differs", replaced("t=0 0", `t=0 0\r\n${other}`)],
  ["sdp_setup_holdconn", first("a=setup:actpass", "a=setup:holdconn")],
  ["sdp_setup", replaced("a=setup:actpass", "a=setup:maybe")],
  ["sdp_setup", without(good, "a=setup")],
  ["sdp_rtcp_mux", first("a=rtcp-mux\r\n", "")],
  ["sdp_bundle", replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1")],
  ["sdp_bundle", replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1 2 3")],
  ["sdp_bundle", replaced("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 0 1")],
  ["sdp_bundle", without(good, "a=group")],
  ["sdp_ufrag", replaced(ufrag, "a=ice-ufrag:abc")],
  ["sdp_ufrag", replaced(ufrag, "a=ice-ufrag:ab:c")],
  ["sdp_ufrag", without(good, "a=ice-ufrag")],
  ["sdp_pwd", replaced(password, "a=ice-pwd:only-20-characters-x")],
  ["sdp_pwd", replaced(password, "a=ice-pwd:onlytwentycharacters1")],
  ["sdp_pwd", without(good, "a=ice-pwd")],
  ["sdp_ice_lite", replaced("t=0 0", "t=0 0\r\na=ice-lite")],
  ["sdp_transport_differs", first(ufrag, "a=ice-ufrag:abcd")],
  ["sdp_transport_differs", first("a=setup:actpass", "a=setup:active")],
  ["sdp_address", first("c=IN IP4 0.0.0.0", "c=IN IP4 a-name.local")],
  ["sdp_address", first("a=rtcp:9 IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 a-name.local")],
  ["sdp_address", put(good, "a=remote-candidates:1 10.0.0.7 9")],
  ["sdp_address", replaced("IN IP4 127.0.0.1", "IN IP4 10.0.0.7")],
];

const relayed = (from: string, to: string) => first(from, to, gathered);
const CANDIDATES: [string, string][] = [
  [
    "ice_candidates",
    Array.from({ length: MOST_CANDIDATES }).reduce<string>(
      (text, _, at) => put(text, `a=candidate:1 1 udp 1 127.0.0.1 ${1024 + at} typ relay`),
      gathered,
    ),
  ],
  ["ice_malformed", relayed(" typ relay", " type relay")],
  ["ice_malformed", relayed(" generation 1", " generation 1 odd")],
  ["ice_type", relayed("typ relay", "typ host")],
  ["ice_type", relayed("typ relay", "typ srflx")],
  ["ice_foreign", relayed(" 58597375 127.0.0.1", " 58597375 a-name.local")],
  ["ice_related", relayed("raddr 0.0.0.0", "raddr 192.168.0.7")],
  ["ice_related", relayed("rport 0", "rport 7")],
  ["ice_transport", relayed(" 1 udp ", " 1 tcp ")],
];
/** Those that need memory have tests of their own below. */
const MEMORY = ["sdp_fingerprint_changed", "sdp_transport_changed", "sdp_section_changed"];

test("everything that browsers say in a call passes", () => {
  let [descriptions, candidates] = [0, 0];
  const files = readdirSync(OFFERS).filter((name) => name.endsWith(".json"));
  equal(files.length, 6, "two browsers, three kinds of call");
  for (const file of files) {
    const call = recorded(file);
    const sides = [new Session(), new Session()];
    for (const { name, type, sdp } of call.descriptions) {
      // The other side asks in the exchange that is named so.
      const side = sides[Number((type === "answer") !== name.startsWith("turned"))];
      equal(side?.description(sdp, type), undefined, `${file} ${name}`);
      ok(fingerprint(sdp) && fragments(sdp).size >= 1, `${file} ${name}`);
      descriptions += 1;
    }
    for (const { from, candidate } of call.candidates) {
      equal(sides[Number(from === "two")]?.candidate(candidate), undefined, `${file} ${candidate}`);
      candidates += 1;
    }
  }
  ok(descriptions >= 40 && candidates >= 30, `${descriptions} descriptions, ${candidates} candidates`);
});

test("every rule refuses by its own name", () => {
  const broken = [...LINES, ...TRANSPORTS, ...CANDIDATES];
  for (const [at, [code, text]] of broken.entries()) equal(read(text, "offer"), code, `number ${at}`);
  const seen = new Set([...broken.map(([code]) => code), ...MEMORY]);
  // The names are the service's, all of them and no other.
  const names = readFileSync(`${TREE}/src/sdp/refusal.rs`, "utf8").matchAll(/= "((?:sdp|ice)_\w+)"/g);
  deepEqual([...names].map(([, name]) => name).sort(), [...seen].sort());
});

test("an answer takes a role", () => {
  equal(read(good, "answer"), "sdp_setup");
  const answer = read(good.replaceAll("a=setup:actpass", "a=setup:passive"), "answer");
  equal(typeof answer === "string" ? answer : answer.setup, "passive");
});

test("a certificate stays for the whole session, whatever else changes", () => {
  const session = new Session();
  equal(session.description(good, "offer"), undefined);
  const swapped = good.replaceAll(print, other);
  for (const text of [swapped, credentials(swapped, true, true)]) {
    equal(session.description(text, "offer"), "sdp_fingerprint_changed");
  }
  equal(session.description(good, "offer"), undefined);
  equal(session.description(good.replaceAll(print, print.toLowerCase()), "offer"), undefined);
});

test("a transport changes with an ICE restart only", () => {
  const session = new Session();
  session.description(good, "offer");
  equal(session.description(credentials(good, true, false), "offer"), "sdp_transport_changed");
  equal(session.description(credentials(good, false, true), "offer"), "sdp_transport_changed");
  equal(session.description(good.replaceAll("a=setup:actpass", "a=setup:active"), "offer"), undefined);
  equal(session.description(good, "offer"), undefined);
  const passive = good.replaceAll("a=setup:actpass", "a=setup:passive");
  equal(session.description(passive, "offer"), "sdp_transport_changed");
  equal(session.description(credentials(passive, true, true), "offer"), undefined);
});

test("a section in use stays what it is", () => {
  const session = new Session();
  session.description(good, "offer");
  const renamed = good.replace("a=mid:1\r", "a=mid:7\r").replace("BUNDLE 0 1 2", "BUNDLE 0 7 2");
  equal(session.description(renamed, "offer"), "sdp_section_changed");
  // A stopped one may be used again under another name.
  const stopped = good.replace("m=video 9", "m=video 0").replace("BUNDLE 0 1 2", "BUNDLE 0 2");
  equal(session.description(stopped, "offer"), undefined);
  equal(session.description(renamed, "offer"), undefined);
});

test("candidates are counted until ICE restarts", () => {
  const session = new Session();
  session.description(good, "offer");
  const one = "candidate:1 1 udp 1 192.0.2.1 50000 typ relay raddr 0.0.0.0 rport 0";
  for (let count = 0; count < MOST_CANDIDATES; count++) equal(session.candidate(one), undefined);
  equal(session.candidate(one), "ice_candidates");
  session.description(good, "offer");
  equal(session.candidate(one), "ice_candidates");
  session.description(credentials(good, true, true), "offer");
  equal(session.candidate(one), undefined);
});

test("addresses are read as what they are, and related ones are compared as such", () => {
  const relay = (host: string, related: string) =>
    `candidate:1 1 udp 1 ${host} 50000 typ relay raddr ${related} rport 9`;
  equal(judgeCandidate(relay("2001:db8::1", "2001:DB8:0::1")), undefined);
  equal(judgeCandidate(relay("2001:db8::1", "::")), undefined);
  equal(judgeCandidate(relay("192.0.2.1", "192.0.2.7")), "ice_related");
  for (const host of ["192.0.2", "0x7f.0.0.1", "192.0.2.256", "192.0.02.1", "2001:db8::1%1", "[::1]", "1:2"]) {
    equal(judgeCandidate(relay(host, "0.0.0.0")), "ice_foreign", host);
  }
});

test("whatever is cut or bent is refused by a name, and nothing is thrown", () => {
  let state = 7;
  const next = (most: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state % most;
  };
  for (let round = 0; round < 3000; round++) {
    const [at, cut] = [next(gathered.length), next(40)];
    const bent = gathered.slice(0, at) + String.fromCharCode(next(300)) + gathered.slice(at + cut);
    const answer = read(bent, "offer");
    ok(typeof answer === "object" || /^(sdp|ice)_/.test(answer));
  }
});
