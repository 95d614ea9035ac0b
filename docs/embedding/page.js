// A patient's page of a hospital's own, by the three modules of Hilum's web client. The hospital's server knows who is
// signed in and fetches the ticket; the browser speaks to Hilum over the WebSocket alone.
import { Peer, capture, realClock } from "./modules/rtc.js";
import { Exchange } from "./modules/safety.js";
import { PROTOCOL, Signal } from "./modules/signal.js";

const HILUM = "wss://visit.clinic.example/v1/signal";
const $ = (id) => document.getElementById(id);
const say = (text) => ($("state").textContent = text);

const people = new Map();
let tracks = { audio: null, camera: null };
let turn;
let policy = { relayOnly: true };

/** A ticket for the WebSocket, from our own server. `final` tells the module that trying again is no use. */
async function ticket() {
  const answer = await fetch("ticket", { method: "POST" });
  if (!answer.ok) throw Object.assign(new Error("no ticket"), { final: answer.status === 403 });
  return (await answer.json()).ticket;
}

const signal = new Signal({
  clock: realClock,
  connect: () => new WebSocket(HILUM, PROTOCOL),
  ticket,
  events: { welcome, message, online, closed: () => over() },
});

/** The socket is away or back; a call goes on meanwhile. */
function online(there) {
  if (!there && tracks) say("One moment…");
}

/** Greeted, or back after an absence: `resumed` says that nothing was lost. */
function welcome(greeting) {
  policy = greeting.policy;
  say(greeting.turn ? "You are in the call." : "You are in the waiting room. Nobody else is here.");
  const ready = (track) => (track ? "ok" : "off");
  signal.send({ t: "wait", ready: { camera: ready(tracks.camera), microphone: ready(tracks.audio), network: "ok" } });
  if (greeting.turn) renew(greeting.turn);
  if (greeting.resumed) return people.forEach(({ peer }) => peer.again());
  [...people.keys()].forEach(gone);
  greeting.peers.forEach(meet);
}

function message(what) {
  const { peer, exchange } = people.get(what.from) ?? {};
  if (what.t === "admitted") renew(what.turn);
  else if (what.t === "turn") renew(what.turn);
  else if (what.t === "peer") meet(what);
  else if (what.t === "gone") gone(what.id);
  else if (what.t === "sdp") peer?.description(what.desc);
  else if (what.t === "ice") peer?.candidate(what.candidate);
  else if (what.t === "commit") exchange?.commit(what.h);
  else if (what.t === "reveal") exchange?.reveal(what.n);
  else if (what.t === "declined" || what.t === "ended") over();
}

/** Fresh credentials for the relay: now for the first connection, later for the next restart. */
function renew(fresh) {
  turn = fresh;
  people.forEach(({ peer }) => peer.renew(turn));
}

/** Somebody else is in the call: one connection, kept up by the module. */
function meet({ id, polite }) {
  say("You are in the call.");
  const send = (said) => signal.send({ ...said, to: id });
  const exchange = new Exchange({
    send,
    words: ({ words }) => ($("words").textContent = words.join(" – ")),
    broken: () => danger(id, "words_differ"),
  });
  const events = {
    sdp: (desc) => send({ t: "sdp", desc }),
    ice: (candidate) => send({ t: "ice", candidate }),
    fingerprints: (own, theirs) => void exchange.begin(own, theirs),
    refused: (code) => danger(id, code === "fingerprint_changed" ? code : undefined),
    track: (kind, track) => show(kind === "audio" ? "voice" : "theirs", kind === "screen" ? undefined : track),
    outlook: (outlook) => say(outlook === "steady" ? "You are in the call." : "Reconnecting, please stay."),
    doubt: () => signal.prove(),
    state() {},
    quality() {},
    picture() {},
  };
  const options = { polite, turn, relayOnly: policy.relayOnly, people: people.size + 2, clock: realClock, events };
  const peer = new Peer(options);
  people.set(id, { peer, exchange });
  void peer.send(tracks);
  // From browser to browser: what is on, so that the other page shows a picture and not a placeholder.
  const on = { k: "state", microphone: tracks.audio !== null, camera: tracks.camera !== null, screen: false, name: "" };
  peer.chat.onopen = () => peer.chat.send(JSON.stringify(on));
}

function gone(id) {
  people.get(id)?.peer.close();
  people.delete(id);
  say("The other person has left.");
}

function show(id, track) {
  if (!track) return;
  $(id).srcObject = new MediaStream([track]);
  $(id).hidden = id === "voice";
}

/** Somebody is in between, or a browser has a fault: either way the call is over, and the clinic is told. */
function danger(id, what) {
  if (what) signal.send({ t: "security", to: id, what });
  signal.leave();
  over("This connection is not safe. Please call us.");
}

function over(why = "Your appointment has ended. Nothing was recorded or kept.") {
  if (!tracks) return;
  [...people.keys()].forEach(gone);
  Object.values(tracks).forEach((track) => track?.stop());
  tracks = undefined;
  document.querySelectorAll("video, audio, button").forEach((each) => (each.hidden = true));
  say(why);
}

$("join").onclick = async () => {
  $("join").hidden = true;
  const { audio, video } = await capture(navigator.mediaDevices);
  tracks = { audio, camera: video };
  show("own", video);
  $("leave").hidden = false;
  signal.start();
};
$("leave").onclick = () => signal.leave();
addEventListener("online", () => {
  signal.hurry();
  people.forEach(({ peer }) => peer.networkChanged());
});
