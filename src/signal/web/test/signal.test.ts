import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { Signal } from "../src/signal";
import type { Closed, FromServer, SocketLike } from "../src/signal";
import { FakeClock, settle } from "./clock";

class Socket implements SocketLike {
  readyState = 0;
  sent: { t: string; [key: string]: unknown }[] = [];
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  send(data: string): void {
    this.sent.push(JSON.parse(data) as { t: string });
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
    this.readyState = 3;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  says(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  drops(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const WELCOME = {
  t: "welcome",
  v: 1,
  self: "p1",
  role: "patient",
  resume: "secret",
  resumed: false,
  clinic: { name: "", phone: "", help: "", language: "en" },
  policy: { relayOnly: true, screen: true, files: true },
  peers: [],
};

function world() {
  const clock = new FakeClock();
  const sockets: Socket[] = [];
  const seen: { messages: FromServer[]; online: boolean[]; closed: Closed[]; welcomes: boolean[] } = {
    messages: [],
    online: [],
    closed: [],
    welcomes: [],
  };
  let tickets = 0;
  const signal = new Signal({
    clock,
    connect: () => {
      const socket = new Socket();
      sockets.push(socket);
      return socket;
    },
    ticket: async () => `ticket ${++tickets}`,
    random: () => 1,
    events: {
      welcome: ({ resumed }) => seen.welcomes.push(resumed),
      message: (message) => seen.messages.push(message),
      online: (online) => seen.online.push(online),
      closed: (why) => seen.closed.push(why),
    },
  });
  const last = () => sockets.at(-1) as Socket;
  const greet = async () => {
    signal.start();
    await settle();
    last().open();
    last().says(WELCOME);
  };
  return { clock, sockets, seen, signal, last, greet };
}

test("a ticket greets, and what was said before goes out after the welcome", async () => {
  const { signal, last, seen, greet } = world();
  signal.send({ t: "renew" });
  await greet();
  deepEqual(last().sent, [{ t: "hello", v: 1, ticket: "ticket 1" }, { t: "renew" }]);
  deepEqual(seen.online, [true]);
});

test("a lost socket resumes where it was, and doubles are dropped", async () => {
  const { clock, last, seen, greet, sockets } = world();
  await greet();
  last().says({ t: "gone", id: "p2", why: "left", s: 1 });
  last().says({ t: "gone", id: "p3", why: "left", s: 2 });
  last().drops();
  await clock.pass(300);
  equal(sockets.length, 2);
  last().open();
  deepEqual(last().sent, [{ t: "resume", v: 1, resume: "secret", last: 2 }]);
  last().says({ ...WELCOME, resumed: true });
  last().says({ t: "gone", id: "p3", why: "left", s: 2 });
  last().says({ t: "gone", id: "p4", why: "left", s: 3 });
  deepEqual(
    seen.messages.map((message) => (message as { id: string }).id),
    ["p2", "p3", "p4"],
  );
  deepEqual(seen.online, [true, false, true]);
});

test("what is said while the socket is away is said once it is back", async () => {
  const { clock, last, signal, greet } = world();
  await greet();
  last().drops();
  signal.send({ t: "end" });
  await clock.pass(300);
  last().open();
  last().says({ ...WELCOME, resumed: true });
  deepEqual(last().sent.at(-1), { t: "end" });
});

test("each try waits longer, up to eight seconds; the device's word that it is online cuts that short", async () => {
  const { clock, last, signal, greet, sockets } = world();
  await greet();
  const waits = [250, 500, 1000, 2000, 4000, 8000, 8000];
  for (const wait of waits) {
    last().drops();
    const before = sockets.length;
    await clock.pass(wait - 1);
    equal(sockets.length, before);
    await clock.pass(1);
    equal(sockets.length, before + 1);
  }
  last().drops();
  const before = sockets.length;
  signal.hurry();
  await settle();
  equal(sockets.length, before + 1);
});

test("a socket that is doubted answers within a second, or another one is opened", async () => {
  const { clock, last, signal, seen, greet, sockets } = world();
  await greet();
  const before = sockets.length;
  signal.prove();
  deepEqual(last().sent.at(-1), { t: "ping" });
  last().says({ t: "pong" });
  await clock.pass(2000);
  equal(sockets.length, before, "it has answered");
  signal.prove();
  signal.prove();
  equal(last().sent.length, 3, "one question at a time");
  await clock.pass(999);
  equal(sockets.length, before);
  await clock.pass(1);
  equal(sockets.length, before + 1);
  last().open();
  equal((last().sent[0] as { t: string }).t, "resume", "and goes on where it was");
  equal(seen.online.at(-1), false);
});

test("a membership that is gone begins anew with a fresh ticket", async () => {
  const { clock, last, signal, seen, greet } = world();
  await greet();
  last().says({ t: "gone", id: "p2", why: "left", s: 7 });
  last().drops();
  signal.send({ t: "ice", to: "p2", candidate: { candidate: "", sdpMid: null, usernameFragment: null } });
  await clock.pass(300);
  last().open();
  last().drops(4401);
  await clock.pass(600);
  last().open();
  deepEqual(last().sent, [{ t: "hello", v: 1, ticket: "ticket 2" }]);
  last().says(WELCOME);
  last().says({ t: "gone", id: "p9", why: "left", s: 1 });
  deepEqual(seen.messages.length, 2, "sequence numbers begin again");
  equal(last().sent.length, 1, "what was meant for people of before is not sent");
  deepEqual(seen.welcomes, [false, false]);
});

test("a socket that is silent for thirty seconds is given up, and pings keep a quiet one", async () => {
  const { clock, last, greet, sockets } = world();
  await greet();
  await clock.pass(25_000);
  ok(last().sent.some(({ t }) => t === "ping"));
  last().says({ t: "pong" });
  await clock.pass(20_000);
  equal(sockets.length, 1);
  await clock.pass(15_000);
  equal(sockets.length > 1, true);
});

test("some endings are for good", async () => {
  for (const [code, why] of [
    [4403, "forbidden"],
    [4409, "elsewhere"],
    [4410, "over"],
    [4400, "broken"],
  ] as const) {
    const { clock, last, seen, greet, sockets } = world();
    await greet();
    last().drops(code);
    await clock.pass(60_000);
    deepEqual([seen.closed, sockets.length], [[why], 1]);
  }
});

test("leaving says so, and nothing comes after it", async () => {
  const { clock, last, signal, seen, greet, sockets } = world();
  await greet();
  const socket = last();
  signal.leave();
  await clock.pass(60_000);
  deepEqual([socket.sent.at(-1), socket.closedWith, sockets.length, seen.closed], [{ t: "bye" }, 1000, 1, ["left"]]);
});
