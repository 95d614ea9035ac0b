// The client's half of the SDP filter: what the service refuses is refused here again, by the same rules and the same
// names, so that the page does not have to trust the service. A description is refused or passed as it is; nothing is
// rewritten.
import { address, isFragment, isPassword, isUnspecified, judgeCandidate } from "./candidate";
import type { CandidateRefusal } from "./candidate";

/** Why a description or a candidate was refused. docs/signaling-protocol.md says what each means. */
export type Refusal =
  | "sdp_too_long"
  | "sdp_line_too_long"
  | "sdp_bytes"
  | "sdp_syntax"
  | "sdp_version"
  | "sdp_words"
  | "sdp_key"
  | "sdp_sections"
  | "sdp_media"
  | "sdp_profile_avp"
  | "sdp_profile_avpf"
  | "sdp_profile_savp"
  | "sdp_profile"
  | "sdp_crypto"
  | "sdp_key_mgmt"
  | "sdp_zrtp"
  | "sdp_fingerprint_missing"
  | "sdp_fingerprint_weak"
  | "sdp_fingerprint_malformed"
  | "sdp_fingerprint_differs"
  | "sdp_fingerprint_changed"
  | "sdp_setup_holdconn"
  | "sdp_setup"
  | "sdp_rtcp_mux"
  | "sdp_bundle"
  | "sdp_ufrag"
  | "sdp_pwd"
  | "sdp_ice_lite"
  | "sdp_transport_differs"
  | "sdp_transport_changed"
  | "sdp_section_changed"
  | "sdp_address"
  | "ice_candidates"
  | CandidateRefusal;

/** Letters of a description: the service's bound for a whole message. */
const LARGEST = 64_000;
const LONGEST_LINE = 4_000;
/** Sections of media: four would do for audio, camera, screen and data; twice that leaves room. */
const MOST_SECTIONS = 8;
export const MOST_CANDIDATES = 64;
/** RFC 8866 §9: what a name is made of. Readers differ in what they make of `a=crypto :` or of a name with a tab. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+$/;
const ORDER = "osiuepcbtrzka";
const LENGTHS: Record<string, number> = { "sha-256": 32, "sha-384": 48, "sha-512": 64 };
const WEAK = ["md2", "md5", "sha-1", "sha-224"];

/** A rule that was broken. */
class Broken extends Error {
  readonly code: Refusal;

  constructor(code: Refusal) {
    super(code);
    this.code = code;
  }
}

function refuse(code: Refusal): never {
  throw new Broken(code);
}

/** What is said of the session, or of one section. */
interface Level {
  fingerprint?: string;
  ufrag?: string;
  password?: string;
  setup?: string;
  mid?: string;
  bundle?: string[];
  bundleOnly?: boolean;
  rtcpMux?: boolean;
  candidates: number;
}

export interface Section {
  media: string;
  mid: string | undefined;
  live: boolean;
}

/** A description that broke no rule: what the rules that need memory compare. */
export interface Read {
  fingerprint: string;
  setup: string;
  ufrag: string;
  password: string;
  sections: Section[];
  candidates: number;
}

type Once = "ufrag" | "password" | "setup" | "mid" | "bundle";

function once<K extends Once>(level: Level, name: K, value: NonNullable<Level[K]>): void {
  if (level[name] !== undefined) refuse("sdp_syntax");
  level[name] = value;
}

function readFingerprint(value: string): string {
  const [name = "", digits] = value.split(/ (.*)/s);
  const hash = name.toLowerCase();
  if (digits !== undefined && WEAK.includes(hash)) refuse("sdp_fingerprint_weak");
  const pairs = digits?.split(":") ?? [];
  if (pairs.length !== LENGTHS[hash] || !pairs.every((pair) => /^[0-9A-Fa-f]{2}$/.test(pair))) {
    refuse("sdp_fingerprint_malformed");
  }
  return `${hash} ${pairs.join(":").toLowerCase()}`;
}

/** The value of `c=`: nobody's address, or one. Whose it is the service has looked at. */
function readConnection(value: string): void {
  const [network, family, host, more] = value.split(" ");
  const spelled = network === "IN" && (family === "IP4" || family === "IP6") && more === undefined;
  if (!spelled || !address(host ?? "")) refuse("sdp_address");
}

function readOrigin(value: string): void {
  const [name = "", session, version, network, family, host, more] = value.split(" ");
  if (network !== "IN" || more !== undefined || host === undefined) refuse("sdp_syntax");
  if (name !== "-" && !name.startsWith("mozilla...THIS_IS_SDPARTA-")) refuse("sdp_words");
  const numbers = [session, version].every((each) => /^\d{1,20}$/.test(each ?? ""));
  if (name.length > 64 || !numbers || (family !== "IP4" && family !== "IP6")) refuse("sdp_syntax");
  // What browsers write (RFC 9429 §5.2.1): an address that is nobody's.
  if (!isUnspecified(host) && host !== "127.0.0.1") refuse("sdp_address");
}

class Reading {
  readonly session: Level = { candidates: 0 };
  readonly parts: { media: string; port: number; level: Level }[] = [];
  #last = 0;
  readonly #relayOnly: boolean;

  constructor(relayOnly: boolean) {
    this.#relayOnly = relayOnly;
  }

  line(line: string): void {
    if (line.length > LONGEST_LINE) refuse("sdp_line_too_long");
    if (!/^[ -~]*$/.test(line)) refuse("sdp_bytes");
    if (line[1] !== "=") refuse("sdp_syntax");
    const [letter, value] = [line[0] ?? "", line.slice(2)];
    this.#inOrder(letter);
    if (letter === "m") this.#section(value);
    else if (letter === "a") this.#attribute(this.parts.at(-1)?.level ?? this.session, value);
    else if (letter === "c") readConnection(value);
    else if (letter === "o") readOrigin(value);
    else if (letter === "k") refuse("sdp_key");
    else if ("iuep".includes(letter) || (letter === "s" && value !== "-")) refuse("sdp_words");
  }

  /** RFC 8866 §5: lines have an order, and only some may repeat. */
  #inOrder(letter: string): void {
    if (letter === "m") {
      // A session has an origin, a name and a time before its first section.
      const begun = this.parts.length > 0 || this.#last >= ORDER.indexOf("t");
      this.#last = 0;
      if (!begun) refuse("sdp_syntax");
      return;
    }
    const place = ORDER.indexOf(letter);
    const twice = place === this.#last && place > 0 && !"epcbtra".includes(letter);
    const ofSession = "osueptrz".includes(letter) && this.parts.length > 0;
    if (place < 0 || place < this.#last || twice || ofSession) refuse("sdp_syntax");
    this.#last = place;
  }

  #section(value: string): void {
    if (this.parts.length === MOST_SECTIONS) refuse("sdp_sections");
    const [media = "", port = "", profile, ...formats] = value.split(" ");
    if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535 || profile === undefined) refuse("sdp_syntax");
    if (formats.length === 0 || formats.includes("")) refuse("sdp_syntax");
    if (!["audio", "video", "application"].includes(media)) refuse("sdp_media");
    if (profile === "RTP/AVP") refuse("sdp_profile_avp");
    if (profile === "RTP/AVPF") refuse("sdp_profile_avpf");
    if (profile === "RTP/SAVP" || profile === "RTP/SAVPF") refuse("sdp_profile_savp");
    if (profile !== (media === "application" ? "UDP/DTLS/SCTP" : "UDP/TLS/RTP/SAVPF")) refuse("sdp_profile");
    if (media === "application" && formats.join(" ") !== "webrtc-datachannel") refuse("sdp_media");
    this.parts.push({ media, port: Number(port), level: { candidates: 0 } });
  }

  #attribute(level: Level, line: string): void {
    const colon = line.indexOf(":");
    const [name, value] = colon < 0 ? [line, undefined] : [line.slice(0, colon), line.slice(colon + 1)];
    if (!TOKEN.test(name)) refuse("sdp_syntax");
    const wanted = () => value ?? refuse("sdp_syntax");
    // Who reads names of attributes too generously must find nothing here either.
    switch (name.toLowerCase()) {
      case "crypto":
        return refuse("sdp_crypto");
      case "key-mgmt":
        return refuse("sdp_key_mgmt");
      case "zrtp-hash":
        return refuse("sdp_zrtp");
      case "ice-lite":
        return refuse("sdp_ice_lite");
      case "remote-candidates":
        return refuse("sdp_address");
      case "fingerprint": {
        const read = readFingerprint(wanted());
        if (level.fingerprint !== undefined && level.fingerprint !== read) refuse("sdp_fingerprint_differs");
        level.fingerprint = read;
        return;
      }
      case "ice-ufrag":
        if (!isFragment(value ?? "")) refuse("sdp_ufrag");
        return once(level, "ufrag", wanted());
      case "ice-pwd":
        if (!isPassword(value ?? "")) refuse("sdp_pwd");
        return once(level, "password", wanted());
      case "setup":
        if (value === "holdconn") refuse("sdp_setup_holdconn");
        if (!["actpass", "active", "passive"].includes(value ?? "")) refuse("sdp_setup");
        return once(level, "setup", wanted());
      case "mid":
        if (!TOKEN.test(wanted()) || wanted().length > 16) refuse("sdp_syntax");
        return once(level, "mid", wanted());
      case "group":
        if (wanted().startsWith("BUNDLE")) {
          once(level, "bundle", wanted().slice("BUNDLE".length).split(" ").filter(Boolean));
        }
        return;
      case "bundle-only":
        level.bundleOnly = true;
        return;
      case "rtcp-mux":
        level.rtcpMux = true;
        return;
      case "candidate":
        level.candidates += 1;
        return this.#candidate(line);
      case "rtcp": {
        // RFC 3605: a port, and perhaps an address as in `c=`.
        const [, connection] = wanted().split(/ (.*)/s);
        if (connection !== undefined) readConnection(connection);
        return;
      }
      default:
    }
  }

  #candidate(line: string): void {
    const refusal = this.#relayOnly ? judgeCandidate(line) : undefined;
    if (refusal) refuse(refusal);
  }

  /** The rules about the whole. */
  end(kind: "offer" | "answer"): Read {
    const live = this.parts.filter(({ port, level }) => port !== 0 || level.bundleOnly);
    if (live.length === 0) refuse("sdp_sections");
    const bundle = this.session.bundle ?? [];
    const tagged = bundle.length ? live.find(({ level }) => level.mid === bundle[0])?.level : undefined;
    const bundled = live.every(({ level: { mid } }) => mid !== undefined && bundle.includes(mid));
    if (!tagged || live.length !== bundle.length || !bundled) return refuse("sdp_bundle");
    const fingerprint = this.#fingerprint();
    const transport = this.#transport(
      tagged,
      live.map(({ level }) => level),
    );
    if (kind === "answer" && transport.setup === "actpass") refuse("sdp_setup");
    if (live.some(({ media, level }) => media !== "application" && !level.rtcpMux)) refuse("sdp_rtcp_mux");
    if (this.session.candidates > 0) refuse("sdp_syntax");
    const candidates = this.parts.reduce((sum, { level }) => sum + level.candidates, 0);
    if (candidates > MOST_CANDIDATES) refuse("ice_candidates");
    const sections = this.parts.map((part) => ({
      media: part.media,
      mid: part.level.mid,
      live: live.includes(part),
    }));
    const mids = sections.flatMap(({ mid }) => mid ?? []);
    if (new Set(mids).size !== mids.length) refuse("sdp_syntax");
    return { fingerprint, ...transport, sections, candidates };
  }

  #fingerprint(): string {
    const said = [this.session, ...this.parts.map(({ level }) => level)].flatMap(({ fingerprint }) => fingerprint ?? []);
    const [first] = said;
    if (first === undefined) return refuse("sdp_fingerprint_missing");
    return said.every((each) => each === first) ? first : refuse("sdp_fingerprint_differs");
  }

  #transport(tagged: Level, live: Level[]): Pick<Read, "setup" | "ufrag" | "password"> {
    const { session } = this;
    const ufrag = tagged.ufrag ?? session.ufrag ?? refuse("sdp_ufrag");
    const password = tagged.password ?? session.password ?? refuse("sdp_pwd");
    const setup = tagged.setup ?? session.setup ?? refuse("sdp_setup");
    const same = (level: Level) =>
      (level.ufrag ?? ufrag) === ufrag &&
      (level.password ?? password) === password &&
      (level.setup ?? setup) === setup;
    if (!live.every(same)) refuse("sdp_transport_differs");
    if (tagged.fingerprint === undefined && session.fingerprint === undefined) refuse("sdp_fingerprint_missing");
    return { ufrag, password, setup };
  }
}

function named<T>(work: () => T): T | Refusal {
  try {
    return work();
  } catch (error) {
    if (error instanceof Broken) return error.code;
    throw error;
  }
}

/** A description that breaks no rule, or the name of the first that it breaks. */
export function read(sdp: string, kind: "offer" | "answer", relayOnly = true): Read | Refusal {
  return named(() => {
    if (sdp.length > LARGEST) refuse("sdp_too_long");
    if (!sdp.endsWith("\r\n")) refuse("sdp_syntax");
    const [version, ...lines] = sdp.slice(0, -2).split("\r\n");
    if (version !== "v=0") refuse(sdp.startsWith("v=") ? "sdp_version" : "sdp_syntax");
    const reading = new Reading(relayOnly);
    for (const line of lines) reading.line(line);
    return reading.end(kind);
  });
}

/** The rules that need memory, for one side of one connection. */
export class Session {
  #known: (Read & { role: string | undefined }) | undefined;
  #candidates = 0;

  /** The first rule that a description breaks, or nothing; then it is what the next one is compared with. */
  description(sdp: string, kind: "offer" | "answer", relayOnly = true): Refusal | undefined {
    const next = read(sdp, kind, relayOnly);
    if (typeof next === "string") return next;
    const role = next.setup === "actpass" ? undefined : next.setup;
    const known = this.#known;
    let restarted = true;
    if (known) {
      if (known.fingerprint !== next.fingerprint) return "sdp_fingerprint_changed";
      const [ufrag, password] = [known.ufrag !== next.ufrag, known.password !== next.password];
      if (ufrag !== password) return "sdp_transport_changed";
      restarted = ufrag;
      if (!restarted && known.role && role && role !== known.role) return "sdp_transport_changed";
      const alike = known.sections.every((before, at) => {
        const after = next.sections[at];
        if (!after) return false;
        return !(before.live && after.live) || (before.media === after.media && before.mid === after.mid);
      });
      if (!alike) return "sdp_section_changed";
    }
    // Those within a description were told before, one by one, or will not be told again.
    this.#candidates = Math.max(restarted ? 0 : this.#candidates, next.candidates);
    this.#known = { ...next, role: role ?? known?.role };
    return undefined;
  }

  /** The rule that one more candidate breaks, or nothing. The empty one ends a list and is not counted. */
  candidate(candidate: string, relayOnly = true): Refusal | undefined {
    if (candidate === "") return undefined;
    const refusal = relayOnly ? judgeCandidate(candidate) : undefined;
    if (refusal) return refusal;
    if (this.#candidates >= MOST_CANDIDATES) return "ice_candidates";
    this.#candidates += 1;
    return undefined;
  }
}

/** The SHA-256 fingerprint of a description, 32 bytes. Browsers give this one; another hash gives nothing. */
export function fingerprint(sdp: string): Uint8Array | undefined {
  const digits = /^a=fingerprint:sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\s*$/im.exec(sdp)?.[1];
  return digits ? Uint8Array.from(digits.split(":"), (two) => parseInt(two, 16)) : undefined;
}

/** The ICE user name fragments of a description. Candidates name the one that they belong to. */
export function fragments(sdp: string): Set<string> {
  return new Set([...sdp.matchAll(/^a=ice-ufrag:(\S+)/gm)].flatMap(([, fragment]) => fragment ?? []));
}
