// Goes through every state of every page with one kind of device, theme and language, against the protocol in memory.
import { drawn, person } from "./browser.mjs";

const now = () => Math.floor(Date.now() / 1000);
const DAY = 86_400;

/** What an operator is shown of a quiet relay, as `GET /v1/staff/status` has it. */
export const STATUS = {
  version: "1.0.0",
  started: now() - 9 * DAY,
  draining: false,
  shards: 4,
  hanging: 0,
  listeners: { udp: 4, tcp: 1, tls: 1, door: 1 },
  allocations: { now: 28, peak: 64 },
  bits: { now: 31_400_000, peak: 84_000_000 },
  paths: { udp: 22, tcp: 1, tls: 5 },
  refused: { clear_rtp: 0, dtls_version: 3, foreign_protocol: 12, region: 0, token: 41, quota: 2, peer: 0, description: 0 },
  certificates: [{ ends: now() + 61.5 * DAY, alarm: false }],
  keys: { accepted: 2, oldest: 23 * DAY },
  audit: { records: 18_204, lost: 0, writing: true, syslog: true },
  alarms: [],
  visits: { appointments: 112, rooms: 17, calls: 14, waiting: 3, sockets: 49 },
};

/** The same on a day when it needs somebody. */
export const TROUBLE = {
  ...STATUS,
  certificates: [
    { ends: now() + 5.5 * DAY, alarm: false },
    { ends: now() - 60, alarm: true },
  ],
  audit: { ...STATUS.audit, lost: 7, writing: false, syslog: false },
  alarms: ["certificate_ends", "certificate", "audit", "syslog"],
};

/** The states in their order, each with what it shows: names of pictures, and lines of their index. */
export const STATES = [
  ["start", "The root: what to do with a link"],
  ["early", "A. Before the door: too early, a clock that counts"],
  ["armed", "A. The press was made too early: it lets in by itself"],
  ["door", "A. Before the door"],
  ["test", "B. Device check without an appointment"],
  ["blocked", "B. The camera is blocked: where to allow it in this browser"],
  ["waiting", "B. Device check and waiting, in one, with a note of the clinic"],
  ["waiting-long", "B. It takes long: the telephone appears"],
  ["call", "C. A call of two"],
  ["words", "C. The safety words"],
  ["numbers", "C. The connection in numbers"],
  ["more", "C. More"],
  ["chat", "C. Chat and a file"],
  ["three", "C. A call of three, one large"],
  ["four", "C. A call of four"],
  ["ghost", "C. Somebody who shows no words"],
  ["after", "D. After"],
  ["rated", "D. After the one question"],
  ["danger", "Security: the words differ, so the call has ended"],
  ["used", "Refused: another device has this link"],
  ["elsewhere", "Refused: it went on with another device"],
  ["declined", "Refused: the clinic cannot see them now"],
  ["over", "Refused: the appointment has ended"],
  ["unknown", "Refused: no such link"],
  ["offline", "Refused: the clinic cannot be reached"],
  ["signin", "E. The clinician signs in"],
  ["provider", "E. The hospital's own sign-in is offered, and did not work"],
  ["locked", "E. Too many tries"],
  ["empty", "E. Nobody waits"],
  ["staff", "E. The waiting list"],
  ["password", "E. The own password is changed"],
  ["second", "E. A second device was refused, and may be let in"],
  ["appointment", "E. A new appointment"],
  ["links", "E. Its links"],
  ["staff-call", "E. In a call"],
  ["second-call", "E. A second device was refused, in a call"],
  ["invite", "E. Somebody else is invited"],
  ["end-first", "E. One call at a time"],
  ["leave", "E. Leaving"],
  ["staff-danger", "E. Security: the words differ"],
  ["status", "F. The operator's status"],
  ["status-trouble", "F. The same when something needs somebody"],
  ["status-refused", "F. Whoever is no operator"],
  ["it", "G. The check for technicians"],
];

/** Walks through all states with one kind of device, theme and language; `look` is called in each. */
export async function walk({ browser, mock, variant, look }) {
  // Whoever is opened next is somebody else; in a call the first is the patient and the second the clinician.
  let faces = 0;
  const open = async () => {
    const page = await person(browser, variant);
    await drawn(page, faces++);
    return page;
  };
  const place = { open, mock, look, phone: variant.device === "phone" };
  await alone(place);
  await refused(place);
  await operator(place);
  await visit(place);
}

async function close(...pages) {
  await Promise.all(pages.map((page) => page.context().close()));
}

/** The pages that one person sees without anybody else. */
async function alone({ open, mock, look }) {
  const simple = async (path, name, before = (page) => page.locator("h1").first().waitFor()) => {
    const page = await open();
    await page.goto(`${mock.origin}${path}`);
    await before(page);
    await look(page, name);
    return page;
  };
  await close(await simple("/", "start"));
  const early = mock.appointment({ opens: now() + 754, ends: now() + 3600 });
  const page = await simple(pathOf(early.links[0]), "early", (at) => at.locator(".digits").waitFor());
  await page.locator(".door .primary").click();
  await page.locator(".door .calm").waitFor();
  await look(page, "armed");
  await close(page);
  const test = await simple("/test", "test", async (at) => {
    await at.locator(".press.primary").click();
    await at.locator(".check.ok").nth(2).waitFor();
  });
  await close(test);
  await close(await simple("/it", "it", (at) => at.locator("tr.ok td:nth-child(4):not(:text('–'))").nth(1).waitFor()));
  await blocked({ open, mock, look });
  mock.provider = true;
  await close(await simple("/staff#openid=unknown", "provider"));
  mock.provider = false;
  const sign = await simple("/staff", "signin");
  mock.locked = now() + 900;
  await fill(sign);
  await sign.locator(".look").waitFor();
  await look(sign, "locked");
  mock.locked = undefined;
  await close(sign);
}

const pathOf = ({ url }) => url.slice(new URL(url).origin.length);

async function blocked({ open, mock, look }) {
  const page = await open();
  await page.context().clearPermissions();
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
  });
  await page.goto(mock.appointment().links[0].url);
  await page.locator(".door .primary").click();
  await page.locator(".blocked").first().waitFor();
  await look(page, "blocked");
  await close(page);
}

/** What somebody reads who does not get in. */
async function refused({ open, mock, look }) {
  const over = mock.appointment({ opens: now() - 3600, ends: now() - 60 });
  for (const [name, url] of [
    ["unknown", `${mock.origin}/j#nothing`],
    ["over", over.links[0].url],
  ]) {
    const page = await open();
    await page.goto(url);
    await page.locator(".card h1").waitFor();
    await look(page, name);
    await close(page);
  }
  const page = await open();
  await page.goto(mock.appointment().links[0].url);
  await page.locator(".door .primary").waitFor();
  // Whoever stands in front of the service answers for it.
  await page.route("**/v1/**", (route) => route.fulfill({ status: 503, body: "" }));
  await page.locator(".door .primary").click();
  await page.locator(".card .primary").waitFor();
  await look(page, "offline");
  await close(page);
  mock.rooms.clear();
}

async function operator({ open, mock, look }) {
  for (const [name, status] of [
    ["status-refused", undefined],
    ["status", STATUS],
    ["status-trouble", TROUBLE],
  ]) {
    mock.status = status;
    const page = await open();
    await page.goto(`${mock.origin}/status`);
    await page.locator(status ? ".cards" : ".card .primary").waitFor();
    await look(page, name);
    await close(page);
  }
}

async function fill(page) {
  await page.locator("input").nth(0).fill("dr.rivers");
  await page.locator("input").nth(1).fill("correct");
  await page.locator("input").nth(2).fill("123456");
  await page.keyboard.press("Enter");
}

export async function signIn(page, mock) {
  await page.goto(`${mock.origin}/staff`);
  await fill(page);
  await page.locator(".list").waitFor();
}

/** A button that a call covers on a phone. */
const covered = (locator) => locator.evaluate((button) => button.click());
const moving = (page) => page.waitForFunction(() => document.querySelector(".tile > video")?.videoWidth > 0);
const row = (clinician, label) => clinician.locator(".room", { hasText: label });

async function visit(place) {
  const { open, mock, look } = place;
  const [patient, clinician] = [await open(), await open()];
  await signIn(clinician, mock);
  await clinician.locator(".empty").waitFor();
  await clinician.locator(".ready .check.ok").nth(2).waitFor();
  await look(clinician, "empty");
  const { links } = mock.appointment({ label: "B-204", people: ["patient", "guest", "captioner"] });
  await waiting(place, { patient, clinician, link: links[0] });
  await desk(place, clinician);
  await row(clinician, "B-204").locator(".room-buttons .primary").click();
  for (const page of [patient, clinician]) await page.locator(".tile > video").waitFor();
  await Promise.all([patient, clinician].map(moving));
  await talking(place, { patient, clinician });
  await busy(place, { clinician, links });
  const guests = await joined(place, { patient, clinician, links });
  await ended(place, { patient, clinician, guests, links });
  await close(patient, clinician, guests[0]);
}

async function waiting({ open, look }, { patient, clinician, link }) {
  await patient.goto(link.url);
  await patient.locator(".door .primary").waitFor();
  await look(patient, "door");
  await patient.locator(".door .primary").click();
  await patient.locator(".check.ok").nth(2).waitFor();
  await clinician.locator(".note-picker select").selectOption("ten_minutes");
  await patient.locator(".calm-card .note").first().waitFor();
  await look(patient, "waiting");
  await clinician.locator(".note-picker select").selectOption("call_us");
  await patient.locator(".calm-card a").waitFor();
  await look(patient, "waiting-long");
  await clinician.locator(".ready-marks").first().waitFor();
  // Another device with the same link.
  const other = await open();
  await other.goto(link.url);
  await other.locator(".door .primary").click();
  await other.locator(".card [role=status]").waitFor();
  await look(other, "used");
  await clinician.locator(".rooms .second").waitFor();
  await look(clinician, "second");
  await clinician.locator(".rooms .second .press").click();
  // The link is the other device's now; the first one gets it back for what follows.
  await patient.locator(".card h1").waitFor();
  await patient.locator(".calm-card").waitFor({ state: "detached" });
  await look(patient, "elsewhere");
  await other.locator(".calm-card").waitFor();
  await patient.goto("about:blank");
  await patient.goto(link.url);
  await patient.locator(".door .primary").click();
  await clinician.locator(".rooms .second .press").click();
  await patient.locator(".check.ok").nth(2).waitFor();
  await close(other);
}

async function desk({ open, mock, look }, clinician) {
  const { links } = mock.appointment({ label: "C-11" });
  const patient = await open();
  await patient.goto(links[0].url);
  await patient.locator(".door .primary").click();
  await row(clinician, "C-11").locator(".ready-marks .ok").nth(2).waitFor();
  await clinician.locator(".ready-marks .ok").nth(5).waitFor();
  await look(clinician, "staff");
  await row(clinician, "C-11").locator(".press.plain").click();
  await patient.locator(".calm-card").waitFor({ state: "detached" });
  await look(patient, "declined");
  await close(patient);
  await clinician.locator(".list > footer .press").first().click();
  await look(clinician, "password");
  await clinician.keyboard.press("Escape");
  await clinician.locator(".list > header .primary").click();
  await look(clinician, "appointment");
  await clinician.locator("dialog .primary").click();
  await clinician.locator(".link-card").waitFor();
  await look(clinician, "links");
  await clinician.keyboard.press("Escape");
}

async function talking({ look }, { patient, clinician }) {
  await patient.locator(".mark-button.trust-words").waitFor();
  await look(patient, "call");
  await look(clinician, "staff-call");
  await patient.locator(".mark-button").first().click();
  await patient.locator(".words ol").waitFor();
  await look(patient, "words");
  await patient.locator(".words .primary").click();
  await patient.keyboard.press("Escape");
  await patient.locator(".mark-button", { hasText: "·" }).click();
  await look(patient, "numbers");
  await patient.keyboard.press("Escape");
  await patient.locator(".tool").nth(3).click();
  await look(patient, "more");
  await patient.keyboard.press("Escape");
  await clinician.locator(".tool").nth(2).click();
  await clinician.locator(".chat textarea").fill("Here is the leaflet that I told you about.");
  await clinician.keyboard.press("Enter");
  await patient.locator(".count").waitFor();
  await patient.locator(".tool").nth(2).click();
  await patient.locator(".chat textarea").fill("Thank you!");
  await patient.keyboard.press("Enter");
  await clinician
    .locator("input[type=file]")
    .setInputFiles({ name: "leaflet.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(300_000, 7) });
  await patient.locator(".line.file .primary").waitFor();
  await look(patient, "chat");
  await clinician.locator("textarea").press("Escape");
  await patient.locator("textarea").press("Escape");
}

/** What the clinician does in a call of two. */
async function busy({ open, mock, look, phone }, { clinician, links }) {
  const other = await open();
  await other.goto(links[0].url);
  await other.locator(".door .primary").click();
  await clinician.locator(phone ? ".top .second" : ".rooms .second").waitFor();
  await look(clinician, "second-call");
  await close(other);
  mock.calm();
  await clinician.locator(".second").first().waitFor({ state: "detached" });
  await clinician.locator(".tool").nth(3).click();
  await clinician.locator("dialog .menu .press").nth(2).click();
  await look(clinician, "invite");
  await clinician.keyboard.press("Escape");
  await clinician.locator(".tool.end").click();
  await look(clinician, "leave");
  await clinician.keyboard.press("Escape");
  // On a phone the call covers the list.
  if (phone) return;
  const waits = await open();
  await waits.goto(mock.appointment({ label: "D-7" }).links[0].url);
  await waits.locator(".door .primary").click();
  await row(clinician, "D-7").locator(".room-buttons .primary").click();
  await look(clinician, "end-first");
  await clinician.keyboard.press("Escape");
  await close(waits);
}

async function joined({ open, mock, look }, { patient, clinician, links }) {
  const guests = [];
  for (const [count, name, link] of [
    [2, "three", links[1]],
    [3, "four", links[2]],
  ]) {
    const guest = await open();
    guests.push(guest);
    await guest.goto(link.url);
    await guest.locator(".door .primary").click();
    const admit = clinician.locator(".room.current .room-buttons .primary");
    await admit.waitFor({ state: "attached" });
    await covered(admit);
    const inside = count === 2 ? guest : patient;
    await inside.locator(".tile > video").nth(count - 1).waitFor();
    if (count === 2) await guest.locator(".pin").first().click();
    await moving(inside);
    await inside.locator(".tile .trust-waiting").waitFor({ state: "detached" });
    await look(inside, name);
    // Somebody whom the service invents; it takes a while until that is clear.
    if (count === 2) mock.say(seatOf(mock, link), { t: "peer", id: "p99", role: "guest", polite: true });
  }
  return guests;
}

const seatOf = (mock, link) =>
  [...mock.rooms.values()].flatMap(({ members }) => members).find(({ person: each }) => each?.id === link.id);

async function ended({ mock, look }, { patient, clinician, guests: [guest, captioner], links }) {
  await patient.locator(".mark-button").first().click();
  await patient.locator(".words .danger").first().click();
  await patient.locator(".danger-card").waitFor();
  await look(patient, "danger");
  await guest.locator(".tile .trust-unverified").waitFor();
  await guest.locator(".tile").nth(3).waitFor({ state: "detached" });
  await look(guest, "ghost");
  await close(captioner);
  mock.say(seatOf(mock, links[1]), { t: "gone", id: "p99", why: "left" });
  await clinician.locator(".mark-button").first().click();
  await clinician.locator(".words .danger").first().click();
  await clinician.locator("dialog", { has: clinician.locator("#sheet-title") }).waitFor();
  await look(clinician, "staff-danger");
  await clinician.keyboard.press("Escape");
  const again = row(clinician, "B-204").locator(".room-buttons .primary");
  await again.click();
  await clinician.locator(".tool.end").click();
  await clinician.locator("dialog .danger").click();
  await guest.locator(".rating").waitFor();
  await look(guest, "after");
  await guest.locator(".stars .press").nth(3).click();
  await guest.locator(".card .calm").waitFor();
  await look(guest, "rated");
}
