// What the pages of a demo are made to do, where no person presses anything: it runs in them before their own scripts.
globalThis.demo = (() => {
  const calls = [];
  const Real = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...settings) {
      super(...settings);
      calls.push(this);
    }
  };

  /** Looks until something is there. Whoever asked loses patience first. */
  async function until(look) {
    for (;;) {
      const found = await look();
      if (found) return found;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  const at = (selector) => until(() => document.querySelector(selector));

  async function press(selector) {
    (await at(selector)).click();
    return true;
  }

  /** What has come in of one kind, and by which way. */
  async function received(call) {
    if (call.connectionState !== "connected") return undefined;
    const reports = [...(await call.getStats()).values()];
    const of = (kind) => reports.filter((report) => report.type === "inbound-rtp" && report.kind === kind);
    const sum = (list, name) => list.reduce((all, report) => all + (report[name] ?? 0), 0);
    const byId = (id) => reports.find((report) => report.id === id);
    const transport = reports.find(({ type }) => type === "transport");
    const pair = byId(transport?.selectedCandidatePairId);
    const [here, there] = [byId(pair?.localCandidateId), byId(pair?.remoteCandidateId)];
    if (!here || !there) return undefined;
    return {
      audio: sum(of("audio"), "packetsReceived"),
      video: sum(of("video"), "packetsReceived"),
      pictures: sum(of("video"), "framesDecoded"),
      relayed: here.candidateType === "relay" && there.candidateType === "relay",
      transport: here.relayProtocol ?? "",
    };
  }

  return {
    press,
    /** Waits until sound and pictures have come for a while, a second at least. */
    hear: () =>
      until(async () => {
        for (const call of calls) {
          const found = await received(call);
          if (found && found.audio >= 50 && found.video >= 50 && found.pictures >= 10) return found;
        }
        return undefined;
      }),
    async words() {
      await press(".mark-button");
      await at(".words li");
      return [...document.querySelectorAll(".words li")].map((word) => word.textContent.trim());
    },
  };
})();
