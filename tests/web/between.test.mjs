// Somebody who has the service in his hand and sits between two people in Chromium, with certificates of his own
// towards both: each of the two is connected, with him. What they read to each other gives him away.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, person } from "./browser.mjs";
import { Mock } from "./mock.mjs";
import { startRelay } from "./relay.mjs";
import { signIn } from "./states.mjs";
import { admit, until, wordsOf } from "./steps.mjs";

/** Each takes some three seconds; `TIMES=100` was run by hand. */
const TIMES = Number(process.env.TIMES ?? 5);
const HIDEOUT = "https://localhost:1/";
let relay, mock, browser;

before(async () => {
  relay = await startRelay(process.env.HILUM ?? "target/release/hilum");
  mock = await new Mock(relay).listen();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await mock?.stop();
  await relay?.stop();
});

/** He has the modules that the page is made of, and uses them twice. */
async function sneak(room) {
  const page = await (await browser.newContext()).newPage();
  await page.route(`${HIDEOUT}**`, (route) => {
    const name = new URL(route.request().url()).pathname.slice(1);
    if (name === "") return route.fulfill({ contentType: "text/html", body: "<!doctype html>" });
    return route.fulfill({
      contentType: "text/javascript",
      body: readFileSync(`src/signal/web/dist/modules/${name}`, "utf8"),
    });
  });
  await page.exposeBinding("say", (_, side, message) => {
    const at = (wanted) => mock.rooms.get(room).members.find(({ staff }) => Boolean(staff) === (wanted === "staff"));
    const [to, from] = [at(side), at(side === "staff" ? "guest" : "staff")];
    if (to && from) mock.say(to.owner ?? to, { ...message, from: from.id });
  });
  await page.goto(HIDEOUT);
  await page.evaluate(async (turn) => {
    const [{ Peer, realClock }, { Exchange }] = await Promise.all([import("/rtc.js"), import("/safety.js")]);
    const legs = {};
    const leg = (side, polite) => {
      const say = (message) => globalThis.say(side, message);
      const exchange = new Exchange({ send: say, words: ({ words }) => (legs[side].words = words), broken: () => {} });
      const events = {
        sdp: (desc) => say({ t: "sdp", desc }),
        ice: (candidate) => say({ t: "ice", candidate }),
        fingerprints: (own, theirs) => void exchange.begin(own, theirs),
        track: (kind, track) => void legs[side === "staff" ? "guest" : "staff"].peer.send({ [kind]: track }),
        refused() {},
        state() {},
        outlook() {},
        doubt() {},
        quality() {},
        picture() {},
      };
      legs[side] = { exchange };
      legs[side].peer = new Peer({ polite, turn, relayOnly: true, people: 2, clock: realClock, events });
    };
    /** What one says over the data channel, the other hears. */
    const pass = (one, other) => {
      const [from, to] = [legs[one].peer.chat, legs[other].peer.chat];
      from.addEventListener("message", ({ data }) => {
        if (to.readyState === "open") to.send(data);
        else to.addEventListener("open", () => to.send(data), { once: true });
      });
    };
    globalThis.take = (side, message) => {
      if (!legs.guest) {
        // The clinician comes second and is polite.
        leg("guest", true);
        leg("staff", false);
        pass("staff", "guest");
        pass("guest", "staff");
      }
      const { peer, exchange } = legs[side];
      if (message.t === "sdp") void peer.description(message.desc);
      else if (message.t === "ice") void peer.candidate(message.candidate);
      else if (message.t === "commit") void exchange.commit(message.h);
      else if (message.t === "reveal") void exchange.reveal(message.n);
    };
    globalThis.heard = () => Object.values(legs).map(({ words }) => words);
    globalThis.legs = () => Object.values(legs).map(({ peer }) => peer.pc.connectionState);
  }, relay.turn("between"));
  // What comes is passed on in its order.
  let last = Promise.resolve();
  mock.meddle = (message, from) => {
    const side = from.staff ? "staff" : "guest";
    last = last.then(() => page.evaluate(([one, what]) => globalThis.take(one, what), [side, message]));
    return undefined;
  };
  return page;
}

for (let time = 1; time <= TIMES; time++) {
  test(`whoever sits in between is heard in the words, time ${time}`, async () => {
    const label = `B-${time}`;
    const { id, links } = mock.appointment({ label });
    const [patient, clinician] = [await person(browser), await person(browser)];
    const between = await sneak(id);
    const legs = () => between.evaluate(() => globalThis.legs());
    try {
      await patient.goto(links[0].url);
      await patient.locator(".door .primary").click();
      await patient.locator(".calm-card").waitFor();
      await signIn(clinician, mock);
      await admit(clinician, label);
      const words = [await wordsOf(patient), await wordsOf(clinician)];
      assert.ok(words.every((each) => each.length === 4));
      assert.notDeepEqual(words[0], words[1]);
      // He knows both, and it does not help him.
      const heard = await between.evaluate(() => globalThis.heard());
      assert.deepEqual(heard.map(String).toSorted(), words.map(String).toSorted());
      // The attack works as far as it can.
      await until("both are connected with him", async () => (await legs()).every((state) => state === "connected"));
    } finally {
      mock.meddle = (message) => message;
      await Promise.all([patient, clinician, between].map((page) => page.context().close()));
    }
  });
}
