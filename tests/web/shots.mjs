// Goes through every state of every page and looks: axe-core judges each, and with SCREENS=DIRECTORY in the
// environment a picture of each is kept. `node shots.mjs [phone|desktop] [light|dark] [LOCALE]`.
import { axe, launch, person, shoot } from "./browser.mjs";
import { Mock } from "./mock.mjs";
import { startRelay } from "./relay.mjs";

/** Walks through all states with one kind of device, theme and language; `look` is called in each. */
export async function walk({ browser, mock, variant, look }) {
  const open = () => person(browser, variant);
  const simple = async (path, name, before = async () => {}) => {
    const page = await open();
    await page.goto(`${mock.origin}${path}`);
    await before(page);
    await look(page, name);
    await page.context().close();
  };
  const title = (page) => page.locator("h1").first().waitFor();
  await simple("/", "start", title);
  await simple("/j#nothing", "ended", title);
  const early = mock.appointment({ opens: Math.floor(Date.now() / 1000) + 754 });
  await simple(early.links[0].url.slice(mock.origin.length), "early", (page) => page.locator(".digits").waitFor());
  await simple("/test", "test", async (page) => {
    await page.locator(".press.primary").click();
    await page.locator(".check.ok").nth(2).waitFor();
  });
  await simple("/it", "it", (page) => page.locator("tr.ok td:nth-child(4):not(:text('–'))").nth(1).waitFor());
  await simple("/staff", "signin", title);
  await blocked({ open, mock, look });
  await visit({ open, mock, look });
}

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
  await page.context().close();
}

export async function signIn(page, mock) {
  await page.goto(`${mock.origin}/staff`);
  await page.locator("input").nth(0).fill("dr.rivers");
  await page.locator("input").nth(1).fill("correct");
  await page.locator("input").nth(2).fill("123456");
  await page.keyboard.press("Enter");
  await page.locator(".list").waitFor();
}

async function visit({ open, mock, look }) {
  const { links } = mock.appointment({ label: "B-204", people: ["patient", "guest"] });
  mock.appointment({ label: "C-11" });
  const [patient, clinician] = [await open(), await open()];
  await patient.goto(links[0].url);
  await patient.locator(".door .primary").waitFor();
  await look(patient, "door");
  await patient.locator(".door .primary").click();
  await patient.locator(".check.ok").nth(2).waitFor();
  await signIn(clinician, mock);
  await clinician.locator(".room-buttons").waitFor();
  await clinician.locator(".note-picker select").selectOption("ten_minutes");
  await patient.locator(".note").first().waitFor();
  await look(patient, "waiting");
  await clinician.locator(".ready-marks").first().waitFor();
  await clinician.locator(".ready .check.ok").nth(2).waitFor();
  await look(clinician, "staff");
  await clinician.locator(".list > header .primary").click();
  await look(clinician, "appointment");
  await clinician.locator("dialog .primary").click();
  await clinician.locator(".link-card").waitFor();
  await look(clinician, "links");
  await clinician.keyboard.press("Escape");
  await clinician.locator(".room-buttons .primary").first().click();
  await patient.locator(".tile > video").waitFor();
  await clinician.locator(".tile > video").waitFor();
  await patient.waitForFunction(() => document.querySelector(".tile > video")?.videoWidth > 0);
  await look(patient, "call");
  await look(clinician, "staff-call");
  await patient.locator(".mark-button").first().click();
  await patient.locator(".words ol").waitFor();
  await look(patient, "words");
  await patient.locator(".words .primary").click();
  await patient.keyboard.press("Escape");
  await patient.locator(".tool").nth(3).click();
  await look(patient, "more");
  await patient.keyboard.press("Escape");
  await clinician.locator(".tool").nth(2).click();
  await clinician.locator("textarea").fill("Here is the leaflet that I told you about.");
  await clinician.keyboard.press("Enter");
  await patient.locator(".count").waitFor();
  await patient.locator(".tool").nth(2).click();
  await patient.locator("textarea").fill("Thank you!");
  await patient.keyboard.press("Enter");
  await clinician
    .locator("input[type=file]")
    .setInputFiles({ name: "leaflet.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(300_000, 7) });
  await patient.locator(".line.file .primary").waitFor();
  await look(patient, "chat");
  await clinician.locator("textarea").press("Escape");
  await patient.locator("textarea").press("Escape");
  await third({ open, links, clinician, look });
  await clinician.locator(".tool.end").click();
  await look(clinician, "leave");
  await clinician.locator("dialog .danger").click();
  await patient.locator(".rating").waitFor();
  await look(patient, "after");
  await Promise.all([patient, clinician].map((page) => page.context().close()));
}

async function third({ open, links, clinician, look }) {
  const guest = await open();
  await guest.goto(links[1].url);
  await guest.locator(".door .primary").click();
  await clinician.locator(".room-buttons .primary").first().waitFor({ state: "attached" });
  await clinician
    .locator(".room-buttons .primary")
    .first()
    .evaluate((button) => button.click());
  await guest.locator(".tile > video").nth(1).waitFor();
  await look(guest, "three");
  await guest.context().close();
}

if (process.argv[1]?.endsWith("shots.mjs")) {
  const [device = "desktop", theme = "light", locale = "en-GB"] = process.argv.slice(2);
  const relay = await startRelay(process.env.HILUM ?? "target/release/hilum");
  const mock = await new Mock(relay).listen();
  const browser = await launch();
  const found = [];
  const begun = Date.now();
  try {
    await walk({
      browser,
      mock,
      variant: { device, dark: theme === "dark", locale },
      look: async (page, name) => {
        found.push(
          ...(await axe(page)).map((line) => `${name}: ${line}`),
          ...page.faults.map((line) => `${name}: ${line}`),
        );
        console.error(`${name} after ${Date.now() - begun} ms`);
        await shoot(page, `${name}-${device}-${theme}-${locale.slice(0, 2)}`);
      },
    });
  } finally {
    await browser.close();
    await mock.stop();
    await relay.stop();
  }
  for (const line of found) console.log(line);
  // Connections that a page holds open do not keep this script.
  process.exit(found.length ? 1 : 0);
}
