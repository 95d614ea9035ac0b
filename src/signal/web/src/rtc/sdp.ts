// The client's half of the SDP filter: what the service refuses is refused here again, so that the page does not have
// to trust the service. A description is refused or passed as it is; nothing is rewritten.

/** Why a description was refused. The names are the service's. */
export type Refusal =
  | "sdp_size"
  | "sdp_line"
  | "sdp_bytes"
  | "sdp_version"
  | "sdp_sections"
  | "sdp_crypto"
  | "sdp_profile"
  | "sdp_bundle"
  | "sdp_mux"
  | "sdp_setup"
  | "sdp_fingerprint_missing"
  | "sdp_fingerprint_weak"
  | "sdp_fingerprint_differs"
  | "sdp_credentials"
  | "sdp_candidates"
  | "sdp_candidate_type";

/** Bytes of a description: the service's bound for a whole message. */
const MOST_BYTES = 64 * 1024;
/** Sections of media: four would do for audio, camera, screen and data; twice that leaves room. */
const MOST_SECTIONS = 8;
const MOST_CANDIDATES = 64;
const MOST_LINE = 4096;

const MEDIA = /^m=(audio|video) \d{1,5} UDP\/TLS\/RTP\/SAVPF( \d{1,3})+$/;
const DATA = /^m=application \d{1,5} UDP\/DTLS\/SCTP webrtc-datachannel$/;
const STRONG = /^a=fingerprint:(sha-256|sha-384|sha-512) ((?:[0-9A-F]{2}:)+[0-9A-F]{2})$/i;
const LENGTHS: Record<string, number> = { "sha-256": 32, "sha-384": 48, "sha-512": 64 };
// A page would never make them: keys in clear, or their exchange by other means than DTLS.
const KEYS = /^a=(crypto|key-mgmt|zrtp-hash)\b/i;
// Carriage returns end lines; every other control byte is a trick.
const CONTROL = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f]/;

interface Section {
  lines: string[];
  rejected: boolean;
}

/** The first rule that a description breaks, or nothing. */
export function judge(sdp: string, relayOnly: boolean): Refusal | undefined {
  if (new TextEncoder().encode(sdp).length > MOST_BYTES) return "sdp_size";
  if (CONTROL.test(sdp)) return "sdp_bytes";
  const lines = sdp.split(/\r?\n/).filter((line) => line !== "");
  if (lines.some((line) => line.length > MOST_LINE)) return "sdp_line";
  if (lines[0] !== "v=0") return "sdp_version";
  if (lines.some((line) => KEYS.test(line))) return "sdp_crypto";

  const [session, sections] = split(lines);
  if (sections.length === 0 || sections.length > MOST_SECTIONS) return "sdp_sections";
  for (const {
    lines: [first = ""],
  } of sections) {
    if (!MEDIA.test(first) && !DATA.test(first)) return "sdp_profile";
  }
  return bundled(session, sections) ?? keyed(session, sections) ?? candidates(lines, relayOnly);
}

function split(lines: string[]): [string[], Section[]] {
  const session: string[] = [];
  const sections: Section[] = [];
  for (const line of lines) {
    const rejected = /^m=\w+ 0 /.test(line);
    if (line.startsWith("m=")) sections.push({ lines: [line], rejected });
    else (sections.at(-1)?.lines ?? session).push(line);
  }
  for (const section of sections) {
    // Port 0 with `bundle-only` is an offer, not a refusal.
    if (section.lines.includes("a=bundle-only")) section.rejected = false;
  }
  return [session, sections];
}

function values(lines: string[], name: string): string[] {
  const start = `a=${name}:`;
  return lines.filter((line) => line.startsWith(start)).map((line) => line.slice(start.length));
}

function bundled(session: string[], sections: Section[]): Refusal | undefined {
  const groups = values(session, "group").filter((group) => group.startsWith("BUNDLE"));
  const members = new Set(groups[0]?.split(" ").slice(1));
  if (groups.length !== 1) return "sdp_bundle";
  for (const { lines, rejected } of sections) {
    if (rejected) continue;
    const [mid] = values(lines, "mid");
    if (mid === undefined || !members.has(mid)) return "sdp_bundle";
    if (MEDIA.test(lines[0] ?? "") && !lines.includes("a=rtcp-mux")) return "sdp_mux";
  }
  return undefined;
}

function keyed(session: string[], sections: Section[]): Refusal | undefined {
  const seen = new Set<string>();
  for (const { lines, rejected } of sections) {
    if (rejected) continue;
    const all = [...session, ...lines];
    const prints = all.filter((line) => line.startsWith("a=fingerprint:"));
    if (prints.length === 0) return "sdp_fingerprint_missing";
    for (const print of prints) {
      const [, hash = "", digits = ""] = STRONG.exec(print) ?? [];
      if (digits.split(":").length !== LENGTHS[hash.toLowerCase()]) return "sdp_fingerprint_weak";
    }
    seen.add(
      prints
        .map((print) => print.toLowerCase())
        .sort()
        .join(),
    );
    const [setup] = values(all, "setup");
    if (!["actpass", "active", "passive"].includes(setup ?? "")) return "sdp_setup";
    const [ufrag = ""] = values(all, "ice-ufrag");
    const [password = ""] = values(all, "ice-pwd");
    if (ufrag.length < 4 || password.length < 22) return "sdp_credentials";
  }
  if (seen.size === 0) return "sdp_sections";
  return seen.size > 1 ? "sdp_fingerprint_differs" : undefined;
}

function candidates(lines: string[], relayOnly: boolean): Refusal | undefined {
  const all = lines.filter((line) => line.startsWith("a=candidate:"));
  if (all.length > MOST_CANDIDATES) return "sdp_candidates";
  return relayOnly && all.some((line) => !isRelayed(line.slice(2))) ? "sdp_candidate_type" : undefined;
}

/** Whether a candidate is a relayed one. The empty one, which ends a list, is as good. */
export function isRelayed(candidate: string): boolean {
  return candidate === "" || / typ relay( |$)/.test(candidate);
}

/** The SHA-256 fingerprint of a description, 32 bytes. Browsers give this one; another hash gives nothing. */
export function fingerprint(sdp: string): Uint8Array | undefined {
  const digits = /^a=fingerprint:sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})\s*$/im.exec(sdp)?.[1];
  return digits ? Uint8Array.from(digits.split(":"), (two) => parseInt(two, 16)) : undefined;
}

/** The ICE user name fragments of a description. Candidates name the one that they belong to. */
export function fragments(sdp: string): Set<string> {
  return new Set(values(sdp.split(/\r?\n/), "ice-ufrag"));
}
