// Takes the pictures of docs/screens: every state of every page, on a phone and on a desktop, light and dark, from left to
// right and from right to left. axe-core judges each as well. `node tests/web/shots.mjs [phone|desktop] [light|dark] [LOCALE]`
// in the top folder; HILUM names the binary, SCREENS another folder.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { axe, launch, shoot } from "./browser.mjs";
import { Mock } from "./mock.mjs";
import { startRelay } from "./relay.mjs";
import { STATES, signIn, walk } from "./states.mjs";

export { signIn, walk };

const HERE = path.dirname(fileURLToPath(import.meta.url));
const FOLDER = process.env.SCREENS ?? path.join(HERE, "../../docs/screens");
/** Bytes of all pictures together: who clones the tree carries them. */
const MOST_BYTES = 6_000_000;
const DEVICES = ["phone", "desktop"];
const THEMES = ["light", "dark"];
const LOCALES = ["en-GB", "ar"];

const variants = (devices, themes, locales) =>
  devices.flatMap((device) => themes.flatMap((theme) => locales.map((locale) => ({ device, theme, locale }))));
const nameOf = ({ device, theme, locale }) => `${device}-${theme}-${locale.slice(0, 2)}`;

function index(present) {
  const lines = [
    "# Screens",
    "",
    "Every state of every page, as `node tests/web/shots.mjs` takes them with Debian's Chromium and its fake camera, against",
    "the protocol in memory and a relay that enforces its seal: on a phone and on a desktop, light and dark, in English and",
    "in Arabic, which runs from right to left. The same walk is judged by axe-core in `bash tests/run web`. Translations",
    "other than English have not been read by native speakers yet.",
    "",
  ];
  for (const [state, text] of STATES) {
    lines.push(`## ${text}`, "");
    for (const device of DEVICES) {
      const cells = variants([device], THEMES, LOCALES).map((each) => `${state}-${nameOf(each)}.webp`);
      const width = device === "phone" ? 180 : 400;
      for (const file of cells.filter((each) => present.has(each))) {
        lines.push(`<img src="${file}" width="${width}" alt="${file.replace(/\.webp$/, "").replaceAll("-", " ")}">`);
      }
    }
    lines.push("");
  }
  return lines.join("\n");
}

async function main([device, theme, locale]) {
  const wanted = variants(device ? [device] : DEVICES, theme ? [theme] : THEMES, locale ? [locale] : LOCALES);
  const relay = await startRelay(process.env.HILUM ?? path.join(HERE, "../../target/release/hilum"));
  const browser = await launch();
  const found = [];
  mkdirSync(FOLDER, { recursive: true });
  for (const variant of wanted) {
    const name = nameOf(variant);
    for (const old of readdirSync(FOLDER)) if (old.endsWith(`-${name}.webp`)) rmSync(path.join(FOLDER, old));
    const mock = await new Mock(relay).listen();
    const look = async (page, state) => {
      if (!STATES.some(([known]) => known === state)) found.push(`${state}: not in the list of states`);
      const faults = [...(await axe(page)), ...page.faults];
      found.push(...faults.map((line) => `${state} ${name}: ${line}`));
      await shoot(page, path.join(FOLDER, `${state}-${name}.webp`));
    };
    const begun = Date.now();
    try {
      await walk({ browser, mock, variant: { ...variant, dark: variant.theme === "dark" }, look });
    } finally {
      await mock.stop();
    }
    console.log(`${name} in ${Math.round((Date.now() - begun) / 1000)} s`);
  }
  await browser.close();
  await relay.stop();
  const present = readdirSync(FOLDER).filter((file) => file.endsWith(".webp"));
  writeFileSync(path.join(FOLDER, "README.md"), `${index(new Set(present)).trimEnd()}\n`);
  const bytes = present.reduce((sum, file) => sum + statSync(path.join(FOLDER, file)).size, 0);
  console.log(`${present.length} pictures, ${bytes} bytes`);
  if (bytes > MOST_BYTES) found.push(`${bytes} bytes are more than ${MOST_BYTES}`);
  for (const line of found) console.log(line);
  // Connections that a page holds open do not keep this script.
  process.exit(found.length ? 1 : 0);
}

if (process.argv[1]?.endsWith("shots.mjs")) await main(process.argv.slice(2));
