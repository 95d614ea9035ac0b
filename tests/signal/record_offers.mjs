// Records what browsers offer and answer, for `tests/signal/offers/`: run it in tests/strangers, where the packages are,
// with a TURN server that takes user:password at TURN (turn:127.0.0.1:3478). It is not part of the tests; what it has
// written is.
//
//   TURN=turn:127.0.0.1:3478 node record_offers.mjs DIRECTORY
import { mkdir, writeFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { chromium } from "playwright-core";
import * as firefox from "./firefox.mjs";

const directory = process.argv[2];
const TURN = process.env.TURN;

/** Two connections in one page; every description that one gives the other, and every candidate. */
async function call({ turn, kind }) {
  const configuration = {
    iceServers: [{ urls: [`${turn}?transport=udp`], username: "user", credential: "password" }],
    iceTransportPolicy: "relay",
    bundlePolicy: "max-bundle",
    rtcpMuxPolicy: "require",
  };
  const [one, two] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
  const said = { descriptions: [], candidates: [] };
  const waiting = [];
  const carry = (from, to, name) => {
    from.onicecandidate = ({ candidate }) => {
      if (!candidate) return;
      const { candidate: text, sdpMid, usernameFragment } = candidate.toJSON();
      said.candidates.push({ from: name, candidate: text, sdpMid, usernameFragment });
      waiting.push(() => to.addIceCandidate(candidate).catch(() => {}));
    };
  };
  carry(one, two, "one");
  carry(two, one, "two");
  const settle = async () => {
    const end = Date.now() + 8000;
    while (Date.now() < end) {
      while (waiting.length > 0) await waiting.shift()();
      if (one.connectionState === "connected" && one.iceGatheringState === "complete" && two.iceGatheringState === "complete") return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const negotiate = async (name, options, [left, right] = [one, two]) => {
    await left.setLocalDescription(await left.createOffer(options));
    said.descriptions.push({ name: `${name}-offer`, type: "offer", sdp: left.localDescription.sdp });
    await right.setRemoteDescription(left.localDescription);
    await right.setLocalDescription();
    said.descriptions.push({ name: `${name}-answer`, type: "answer", sdp: right.localDescription.sdp });
    await left.setRemoteDescription(right.localDescription);
    await settle();
  };
  if (kind !== "data") {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: kind !== "audio" });
    for (const track of stream.getTracks()) {
      one.addTrack(track, stream);
      two.addTrack(track.clone(), stream);
    }
  }
  for (const end of [one, two]) {
    end.createDataChannel("chat", { negotiated: true, id: 0 });
    end.createDataChannel("file", { negotiated: true, id: 1 });
  }
  await negotiate("first", {});
  if (kind === "all") {
    one.addTransceiver("video", { direction: "sendonly" });
    await negotiate("screen", {});
    one.getTransceivers().at(-1).stop();
    await negotiate("stopped", {});
    await negotiate("turned", {}, [two, one]);
  }
  await negotiate("restart", { iceRestart: true });
  said.descriptions.push({ name: "gathered", type: one.localDescription.type, sdp: one.localDescription.sdp });
  said.states = [one.connectionState, two.connectionState];
  for (const end of [one, two]) end.close();
  return said;
}

const server = http.createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html>"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/`;
const START = {
  chromium: async () => {
    const args = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection", "--no-sandbox", "--disable-gpu"];
    const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args });
    return { newPage: async () => (await browser.newContext()).newPage(), close: () => browser.close() };
  },
  firefox: () => firefox.launch("/usr/bin/firefox-esr", {}, () => {}),
};
await mkdir(directory, { recursive: true });
for (const [name, start] of Object.entries(START)) {
  const browser = await start();
  try {
    for (const kind of ["all", "audio", "data"]) {
      const page = await browser.newPage();
      await page.goto(url);
      const said = await page.evaluate(call, { turn: TURN, kind });
      const file = path.join(directory, `${name}-${kind}.json`);
      await writeFile(file, `${JSON.stringify(said, null, 1)}\n`);
      console.log(file, said.states, said.descriptions.length, said.candidates.length);
    }
  } finally {
    await browser.close();
  }
}
server.close();
