// Builds the unit tests with esbuild and runs them in Node's own runner: `npm test [NAME...]`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { build } from "esbuild";

const wanted = process.argv.slice(2);
const names = readdirSync("test").filter((name) => name.endsWith(".test.ts"));
const chosen = names.filter((name) => !wanted.length || wanted.some((part) => name.includes(part)));
const out = mkdtempSync(path.join(tmpdir(), "units-"));
try {
  await build({
    entryPoints: chosen.map((name) => path.join("test", name)),
    bundle: true,
    format: "esm",
    outdir: out,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    sourcemap: "inline",
    target: "es2022",
  });
  const files = readdirSync(out).map((name) => path.join(out, name));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
