import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ar } from "../src/texts/ar";
import { de } from "../src/texts/de";
import { en } from "../src/texts/en";
import { es } from "../src/texts/es";

const CATALOGUES: Record<string, Record<string, string>> = { ar, de, en, es };
/** Pages for technicians and operators may use their words. */
const TECHNICAL = /^(it_|path_|echo_|way_|status_|alarm_)/;
const BANNED =
  /\b(ICE|STUN|TURN|SDP|NAT|DTLS|SRTP|UDP|TCP|TLS|WebRTC|WebSocket|[Ss]ignaling|[Bb]andwidth|[Cc]odec|[Pp]eer|[Cc]redential)s?\b/;

test("every catalogue has the same keys and the same places for values", () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [name, catalogue] of Object.entries(CATALOGUES)) {
    deepEqual(Object.keys(catalogue).sort(), Object.keys(en).sort(), name);
    for (const [key, text] of Object.entries(en)) {
      deepEqual(places(catalogue[key] ?? ""), places(text), `${name}: ${key}`);
      ok((catalogue[key] ?? "").trim() !== "", `${name}: ${key} is empty`);
    }
  }
});

test("no technician's word stands in what patients read", () => {
  for (const [name, catalogue] of Object.entries(CATALOGUES)) {
    for (const [key, text] of Object.entries(catalogue)) {
      if (!TECHNICAL.test(key)) ok(!BANNED.test(text), `${name}: ${key}: ${text}`);
    }
  }
});

test("sentences are short: no more than 25 words in English", () => {
  const longest = Math.max(
    ...Object.values(en).flatMap((text) => text.split(/[.!?:]/).map((part) => part.trim().split(/\s+/).length)),
  );
  ok(longest <= 25, `${longest} words`);
  equal(
    Object.values(en).some((text) => text.includes("!")),
    false,
  );
});
