// Builds the client into `dist/`, which is committed, so that building Hilum needs no Node: `npm run build`.
// `npm run check` builds again beside it and compares: what is committed is what the source gives. Compressed copies
// are compared by what they hold, because two versions of Node may compress differently.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { build } from "esbuild";

const KINDS = { ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };
// Bytes of script, gzipped, that the patient's way through the page may take: the budget.
const BUDGET = 60 * 1024;
// What hospitals build pages of their own with: one readable file each, that needs no other.
const MODULES = ["rtc", "safety", "signal"];

/** Every file of the build as name → bytes, without compressed copies. */
async function make() {
  const result = await build({
    entryPoints: { app: "src/main.tsx", style: "src/style/all.css" },
    assetNames: "assets/[name]-[hash]",
    bundle: true,
    charset: "utf8",
    chunkNames: "assets/[name]-[hash]",
    entryNames: "assets/[name]-[hash]",
    format: "esm",
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    metafile: true,
    minify: true,
    outdir: "dist",
    splitting: true,
    target: ["es2022", "safari16", "firefox115", "chrome110"],
    write: false,
  });
  const files = new Map();
  for (const { path: name, contents } of result.outputFiles) {
    files.set(path.relative(path.resolve("dist"), name), Buffer.from(contents));
  }
  const named = (start) => [...files.keys()].find((name) => name.startsWith(start));
  const page = readFileSync("index.html", "utf8")
    .replace("STYLE", `/${named("assets/style-")}`)
    .replace("SCRIPT", `/${named("assets/app-")}`);
  files.set("index.html", Buffer.from(page));
  for (const [name, bytes] of await modules()) files.set(name, bytes);
  return { files, metafile: result.metafile };
}

async function modules() {
  const result = await build({
    banner: { js: "// A module of Hilum's web client, MIT OR Apache-2.0. docs/embedding.md says how a page uses it." },
    bundle: true,
    charset: "utf8",
    entryPoints: Object.fromEntries(MODULES.map((name) => [name, `src/${name}/index.ts`])),
    format: "esm",
    legalComments: "none",
    outdir: "dist/modules",
    target: ["es2022", "safari16", "firefox115", "chrome110"],
    write: false,
  });
  return result.outputFiles.map(({ path: name, contents }) => [
    path.relative(path.resolve("dist"), name),
    Buffer.from(contents),
  ]);
}

/** The chunks that a patient's browser loads: the entry, the patient's page and one catalogue, with all they import. */
function journey({ outputs }) {
  const wanted = new Set();
  const follow = (name) => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const { path: next, kind } of outputs[name]?.imports ?? []) if (kind === "import-statement") follow(next);
  };
  for (const [name, { entryPoint }] of Object.entries(outputs)) {
    if (["src/main.tsx", "src/pages/patient.tsx", "src/texts/ar.ts"].includes(entryPoint)) follow(name);
  }
  return [...wanted].map((name) => path.relative("dist", name));
}

function rust(files) {
  const lines = [...files.keys()].sort().map((name) => {
    const kind = KINDS[path.extname(name)] ?? "text/html; charset=utf-8";
    const bytes = (end) => `include_bytes!("dist/${name}${end}")`;
    return [
      "    Asset {",
      `        path: "/${name}",`,
      `        kind: "${kind}",`,
      `        plain: ${bytes("")},`,
      `        brotli: ${bytes(".br")},`,
      `        gzip: ${bytes(".gz")},`,
      "    },",
    ].join("\n");
  });
  return `//! The web client's files, as \`npm run build\` has written them below \`dist\`. Generated: do not edit.

/// One file, with the copies that were compressed at build time.
pub(super) struct Asset {
    /// Where it is served, from the root.
    pub path: &'static str,
    /// Its content type.
    pub kind: &'static str,
    /// The file as it is.
    pub plain: &'static [u8],
    /// Compressed by Brotli.
    pub brotli: &'static [u8],
    /// Compressed by gzip.
    pub gzip: &'static [u8],
}

/// All of them. A path below \`/assets\` holds a hash of its content, so it never changes.
pub(super) const ASSETS: &[Asset] = &[
${lines.join("\n")}
];
`;
}

function brotli(bytes) {
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return zlib.brotliCompressSync(bytes, { params });
}

function write({ files }) {
  rmSync("dist", { recursive: true, force: true });
  for (const [name, bytes] of files) {
    const to = path.join("dist", name);
    mkdirSync(path.dirname(to), { recursive: true });
    writeFileSync(to, bytes);
    writeFileSync(`${to}.br`, brotli(bytes));
    writeFileSync(`${to}.gz`, zlib.gzipSync(bytes, { level: 9 }));
  }
  writeFileSync("assets.rs", rust(files));
}

/** What differs between the committed files and a fresh build, a line each. */
function differences({ files }) {
  const faults = [];
  const expected = new Set();
  const same = (name, bytes, decode = (x) => x) => {
    expected.add(name);
    if (!existsSync(path.join("dist", name))) faults.push(`dist/${name} is missing`);
    else if (!decode(readFileSync(path.join("dist", name))).equals(bytes)) faults.push(`dist/${name} differs`);
  };
  for (const [name, bytes] of files) {
    same(name, bytes);
    same(`${name}.br`, bytes, zlib.brotliDecompressSync);
    same(`${name}.gz`, bytes, zlib.gunzipSync);
  }
  const present = existsSync("dist") ? readdirSync("dist", { recursive: true, withFileTypes: true }) : [];
  for (const entry of present.filter((each) => each.isFile())) {
    const name = path.relative("dist", path.join(entry.parentPath ?? entry.path, entry.name));
    if (!expected.has(name)) faults.push(`dist/${name} is left over`);
  }
  if (!existsSync("assets.rs") || readFileSync("assets.rs", "utf8") !== rust(files)) faults.push("assets.rs differs");
  return faults;
}

const first = await make();
const gzipped = (names) =>
  names.reduce((sum, name) => sum + zlib.gzipSync(first.files.get(name), { level: 9 }).length, 0);
const scripts = gzipped(journey(first.metafile).filter((name) => name.endsWith(".js")));
console.log(`patient's scripts: ${scripts} bytes gzipped of ${BUDGET}`);
if (scripts > BUDGET) {
  console.error("the patient's scripts are over their budget");
  process.exitCode = 1;
}
if (process.argv.includes("--check")) {
  // Twice, because the result may not depend on chance.
  const again = await make();
  const faults = differences(first);
  for (const [name, bytes] of first.files) {
    if (!again.files.get(name)?.equals(bytes)) faults.push(`${name} is not the same when built twice`);
  }
  for (const fault of faults) console.error(fault);
  if (faults.length) process.exitCode = 1;
  else console.log(`dist holds what the source gives: ${first.files.size} files`);
} else {
  write(first);
}
