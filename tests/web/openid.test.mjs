// Staff sign in at the hospital's provider, in Chromium, with a provider that is not ours, and change a password of their
// own. HILUM names the binary.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { launch, person, policyHolds } from "./browser.mjs";
import { code, startPlace } from "./place.mjs";
import { CLIENT, startProvider } from "./provider.mjs";

let place, browser, provider;

before(async () => {
  const more = async (origin, at) => {
    provider = await startProvider(origin, { "dr.stone": ["everybody", "hilum-clinicians"] });
    writeFileSync(at("openid-secret"), `${CLIENT.secret}\n`, { mode: 0o640 });
    return `[signal.openid]
issuer = "${provider.issuer}"
client_id = "${CLIENT.id}"
client_secret_file = "openid-secret"
[[signal.openid.role]]
group = "hilum-clinicians"
role = "clinician"
clinics = ["physio"]
`;
  };
  place = await startPlace(process.env.HILUM ?? "target/release/hilum", { more });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await place?.stop();
  await provider?.stop();
});

/** Somebody whose browser loads nothing from elsewhere: the provider's pages ask for a font from the Internet. */
async function colleague() {
  const page = await person(browser);
  const foreign = ({ hostname }) => !["127.0.0.1", "localhost"].includes(hostname);
  await page.context().route(foreign, (route) => route.fulfill({ contentType: "text/css", body: "" }));
  return page;
}

/** From the page for staff to the provider's, and back as somebody. */
async function signInAs(page, name) {
  await page.goto(`${place.origin}/staff`);
  await page.locator("a.provider").click();
  await page.locator("input[name=login]").fill(name);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]").click();
}

test("one press leads to the provider and back, and to the waiting list of the clinic", async () => {
  const page = await colleague();
  await signInAs(page, "dr.stone");
  await page.locator(".list").waitFor();
  assert.equal(page.url(), `${place.origin}/staff`);
  const me = await page.evaluate(async () => (await fetch("/v1/staff/me")).json());
  assert.equal(me.staff.name, "dr.stone@clinic.example");
  assert.deepEqual([me.staff.role, me.staff.password], ["clinician", false]);
  assert.equal(await page.locator(".list footer button").count(), 1, "there is no password to change");
  const cookies = await page.context().cookies(place.origin);
  assert.deepEqual(
    cookies.map(({ name, sameSite, httpOnly, secure }) => [name, sameSite, httpOnly, secure]),
    [["__Host-hilum", "Strict", true, true]],
  );
  await page.reload();
  await page.locator(".list").waitFor();
  assert.deepEqual(page.faults, []);
});

test("who is in no group is told so, and gets in with an account that is bound to them", async () => {
  const page = await colleague();
  await signInAs(page, "dr.field");
  const alert = page.locator("[role=alert]");
  await alert.waitFor();
  assert.match(await alert.innerText(), /no access here yet/);
  assert.equal(page.url(), `${place.origin}/staff`);
  place.hilum("staff", "add", "field", "--role", "clinician", "--clinic", place.clinic, "--openid", "dr.field");
  // The provider knows them still.
  await page.locator("a.provider").click();
  await page.locator(".list").waitFor();
  assert.match(place.hilum("staff", "list"), /field/);
  assert.deepEqual(page.faults, []);
});

test("while the provider is away the page says so, and a name and a password are good, which can be changed", async () => {
  await provider.stop();
  const page = await person(browser);
  await page.goto(`${place.origin}/staff#openid=unavailable`);
  assert.match(await page.locator("[role=alert]").innerText(), /does not answer/);
  const { name, password, authenticator } = place.account;
  const secret = new URL(authenticator).searchParams.get("secret");
  const field = (index) => page.locator("form input").nth(index);
  await field(0).fill(name);
  await field(1).fill(password);
  // Codes are good once, in their order: the one before is good, too.
  await field(2).fill(code(secret, Date.now() / 1000 - 30));
  await page.keyboard.press("Enter");
  await page.locator(".list").waitFor();
  await page.locator(".list footer button").first().click();
  const sheet = page.locator("dialog form");
  await sheet.locator("input").nth(0).fill(password);
  await sheet.locator("input").nth(1).fill(code(secret));
  await sheet.locator("input").nth(2).fill(`${name}${name}`);
  await page.keyboard.press("Enter");
  assert.match(await page.locator("dialog [role=alert]").innerText(), /12 characters/);
  await sheet.locator("input").nth(2).fill("correct horse battery");
  await page.keyboard.press("Enter");
  await page.locator("dialog [role=status]").waitFor();
  assert.deepEqual(page.faults, []);
});

test("every page has kept to its policy, on the way to the provider as well", () => policyHolds(browser, place.origin));
