// What runs in the pages. Each function goes there as text, so it stands alone; the party is in `window.party`.

/** How this page came: "http/1.1" or "h2". */
export function protocol() {
  return performance.getEntriesByType("navigation")[0].nextHopProtocol;
}

/** A WebSocket to where the page came from: why the other end closes it after a first message. */
export function socket({ path, protocol, first }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${location.host}${path}`, protocol);
    socket.onopen = () => socket.send(first);
    socket.onclose = ({ code }) => resolve(code);
    setTimeout(() => reject(new Error("the WebSocket stays silent")), 10_000);
  });
}

/** Takes the fake camera and microphone. */
export async function prepare({ relay }) {
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: true,
    video: { width: 320, height: 240, frameRate: 15 },
  });
  window.party = { relay, stream, links: {} };
}

/** Makes this side of the connection to another party. Who offers opens the data channel, and the other echoes. */
export function link({ other, offers, channel, size }) {
  const { relay, stream, links } = window.party;
  const connection = new RTCPeerConnection({ iceServers: [relay], iceTransportPolicy: "relay" });
  const made = { connection, candidates: [], types: [], errors: [], dtls: [] };
  links[other] = made;
  connection.onicecandidate = ({ candidate }) => {
    if (!candidate || !candidate.candidate) return;
    made.candidates.push(candidate.toJSON());
    made.types.push(candidate.type);
  };
  connection.onicecandidateerror = (event) => made.errors.push(`${event.errorCode} ${event.errorText} ${event.url}`);
  for (const track of stream.getTracks()) connection.addTrack(track, stream);
  // Every state that DTLS enters is written down: a second handshake would show.
  const watched = new Set();
  made.watch = () => {
    for (const { transport } of connection.getSenders()) {
      if (!transport || watched.has(transport)) continue;
      watched.add(transport);
      made.dtls.push(transport.state);
      transport.addEventListener("statechange", () => made.dtls.push(transport.state));
    }
  };
  connection.ontrack = ({ track, streams }) => {
    if (track.kind !== "video") return;
    // Played, since a browser may not decode what nothing shows.
    const video = document.createElement("video");
    video.muted = true;
    video.srcObject = streams[0];
    document.body.append(video);
    video.play().catch(() => {});
  };
  connection.ondatachannel = ({ channel }) => {
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => channel.send(data);
  };
  if (!channel || !offers) return;
  const digest = async (parts) => {
    const bytes = await new Blob(parts).arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };
  const echo = connection.createDataChannel("echo");
  echo.binaryType = "arraybuffer";
  const opened = new Promise((resolve) => (echo.onopen = resolve));
  made.echo = async () => {
    await opened;
    const chunk = 16_384;
    const sent = [];
    const back = [];
    let received = 0;
    const complete = new Promise((resolve) => {
      echo.onmessage = ({ data }) => {
        back.push(data);
        received += data.byteLength;
        if (received >= size) resolve();
      };
    });
    for (let at = 0; at < size; at += chunk) {
      const part = crypto.getRandomValues(new Uint8Array(chunk));
      sent.push(part);
      echo.send(part);
    }
    await complete;
    return { received, sent: await digest(sent), back: await digest(back) };
  };
}

/** An offer for another party; `restart` asks for new ICE credentials. */
export async function offer({ other, restart }) {
  const { connection, watch } = window.party.links[other];
  if (restart) connection.restartIce();
  await connection.setLocalDescription();
  watch();
  return connection.localDescription.toJSON();
}

export async function answer({ other, offer }) {
  const { connection, watch } = window.party.links[other];
  await connection.setRemoteDescription(offer);
  await connection.setLocalDescription();
  watch();
  return connection.localDescription.toJSON();
}

export async function accept({ other, answer }) {
  await window.party.links[other].connection.setRemoteDescription(answer);
}

/** Another way to the relay, for the next ICE restart. */
export function move({ relay }) {
  window.party.relay = relay;
  for (const { connection } of Object.values(window.party.links)) {
    connection.setConfiguration({ ...connection.getConfiguration(), iceServers: [relay] });
  }
}

/** The candidates that were found since the last time, by party. */
export function takeCandidates() {
  const taken = {};
  for (const [other, { candidates }] of Object.entries(window.party.links)) {
    if (candidates.length) taken[other] = candidates.splice(0);
  }
  return taken;
}

export async function addCandidates({ other, candidates }) {
  const { connection } = window.party.links[other];
  for (const candidate of candidates) await connection.addIceCandidate(candidate);
}

/** What comes of asking this relay for candidates: their types, and the errors that the browser tells of. */
export async function gather({ relay, milliseconds }) {
  const connection = new RTCPeerConnection({ iceServers: [relay], iceTransportPolicy: "relay" });
  const types = [];
  const errors = [];
  connection.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate) types.push(candidate.type);
  };
  connection.onicecandidateerror = ({ errorCode, errorText }) => errors.push({ errorCode, errorText });
  const complete = new Promise((resolve) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve(true);
  });
  connection.createDataChannel("none");
  await connection.setLocalDescription();
  const ended = await Promise.race([complete, new Promise((resolve) => setTimeout(resolve, milliseconds, false))]);
  connection.close();
  return { ended, types, errors };
}

export async function echo({ other }) {
  return await window.party.links[other].echo();
}

export function hangUp() {
  for (const { connection } of Object.values(window.party.links)) connection.close();
}

/** What each connection says of itself now, by party. */
export async function look() {
  const out = {};
  for (const [other, { connection, errors, types, dtls }] of Object.entries(window.party.links)) {
    const stats = await connection.getStats();
    const seen = {
      state: connection.connectionState,
      ice: connection.iceConnectionState,
      ufrag: /a=ice-ufrag:(\S+)/.exec(connection.localDescription?.sdp)?.[1],
      errors,
      types,
      dtls,
      pair: null,
      pairs: [],
      version: null,
      profile: null,
      frames: 0,
      received: { audio: 0, video: 0 },
      lost: 0,
      sent: 0,
    };
    for (const report of stats.values()) {
      if (report.type === "inbound-rtp") {
        seen.received[report.kind] += report.packetsReceived ?? 0;
        seen.lost += report.packetsLost ?? 0;
        seen.frames += report.framesDecoded ?? 0;
      }
      if (report.type === "outbound-rtp") seen.sent += report.packetsSent ?? 0;
      if (report.type === "transport") {
        seen.version = report.tlsVersion ?? seen.version;
        seen.profile = report.srtpCipher ?? seen.profile;
        const pair = stats.get(report.selectedCandidatePairId);
        if (pair) seen.pair = pair;
      }
      if (report.type === "candidate-pair") {
        const { state, bytesReceived = 0, requestsReceived = 0, responsesReceived = 0 } = report;
        seen.pairs.push({ state, bytesReceived, requestsReceived, responsesReceived });
      }
      // Firefox marks the pair itself.
      if (report.type === "candidate-pair" && report.selected && !seen.pair) seen.pair = report;
    }
    if (seen.pair) {
      const local = stats.get(seen.pair.localCandidateId);
      const remote = stats.get(seen.pair.remoteCandidateId);
      seen.pair = {
        id: seen.pair.id,
        local: local?.candidateType,
        remote: remote?.candidateType,
        through: local?.relayProtocol,
        ports: `${local?.port} to ${remote?.port}`,
      };
    }
    out[other] = seen;
  }
  return out;
}
