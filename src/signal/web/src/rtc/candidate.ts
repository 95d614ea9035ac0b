// One ICE candidate (RFC 8839 §5.1), held against the rules that the service holds it against: relayed, over UDP to the
// other end, and silent about what is behind it. Which addresses are a region's relays only the service knows; here an
// address has to be one, and not a name that somebody resolves.

export type CandidateRefusal =
  | "ice_malformed"
  | "ice_type"
  | "ice_foreign"
  | "ice_related"
  | "ice_transport";

/** Letters of a candidate: three times what browsers write. */
const LONGEST = 512;
/** Pairs of a name and a value at its end: browsers write five. */
const MOST_EXTENSIONS = 8;
const PRINTABLE = /^[ -~]*$/;
const ICE = /^[A-Za-z0-9+/]+$/;
const BYTE = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${BYTE}(?:\\.${BYTE}){3}$`);

/** An address in its one form, or nothing for what is none. */
export function address(text: string): string | undefined {
  if (IPV4.test(text)) return text;
  if (!/^[0-9A-Fa-f:.]+$/.test(text) || !text.includes(":")) return undefined;
  try {
    return new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
}

/** Whether an address is the one of nobody: `0.0.0.0` or `::`. */
export function isUnspecified(text: string): boolean {
  return text === "0.0.0.0" || text === "::";
}

/** A user name fragment of ICE: 4 to 256 of its letters. */
export function isFragment(text: string): boolean {
  return text.length >= 4 && text.length <= 256 && ICE.test(text);
}

export function isPassword(text: string): boolean {
  return text.length >= 22 && text.length <= 256 && ICE.test(text);
}

function number(text: string | undefined, most: number): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  return Number(text) <= most ? Number(text) : undefined;
}

/** The first rule that a candidate breaks, or nothing. It begins with `candidate:`. */
export function judgeCandidate(text: string): CandidateRefusal | undefined {
  if (text.length > LONGEST || !PRINTABLE.test(text) || !text.startsWith("candidate:")) return "ice_malformed";
  const words = text.slice("candidate:".length).split(" ");
  const [foundation = "", component, transport = "", priority, host = "", port, typ, type, ...extensions] = words;
  if (!ICE.test(foundation) || foundation.length > 32 || transport === "" || host === "") return "ice_malformed";
  // Firefox gathers for RTCP as well, and does not use it.
  if (!((number(component, 256) ?? 0) >= 1) || number(priority, 0xffff_ffff) === undefined) return "ice_malformed";
  const relay = address(host);
  if (!relay) return "ice_foreign";
  if (number(port, 65_535) === undefined || typ !== "typ" || !type) return "ice_malformed";
  if (type !== "relay") return "ice_type";
  if (transport.toLowerCase() !== "udp") return "ice_transport";
  if (Number(port) === 0) return "ice_malformed";
  return judgeExtensions(extensions, relay, Number(port));
}

function judgeExtensions(words: string[], relay: string, port: number): CandidateRefusal | undefined {
  if (words.length % 2 !== 0 || words.length > 2 * MOST_EXTENSIONS || words.includes("")) return "ice_malformed";
  let fragment = false;
  for (let at = 0; at < words.length; at += 2) {
    const [name, value = ""] = [words[at], words[at + 1]];
    if (name === "raddr") {
      // Chromium writes zeros; Firefox the relayed address once more. Both hide the client's.
      const related = address(value);
      if (!related || !(isUnspecified(related) || related === relay)) return "ice_related";
    } else if (name === "rport") {
      const related = number(value, 65_535);
      if (related === undefined) return "ice_malformed";
      if (![0, 9, port].includes(related)) return "ice_related";
    } else if (name === "ufrag") {
      if (fragment || !isFragment(value)) return "ice_malformed";
      fragment = true;
    }
  }
  return undefined;
}

/** Whether a candidate may be used. The empty one, which ends a list, is as good. */
export function isRelayed(candidate: string): boolean {
  return candidate === "" || judgeCandidate(candidate) === undefined;
}
