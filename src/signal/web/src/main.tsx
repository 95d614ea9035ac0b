// Chooses the page by the path, and loads nothing that the page does not need.
import type { VNode } from "preact";
import { render } from "preact";
import { Spoken } from "./parts/basics";
import { preferred, speak } from "./texts";

type Page = { page: () => VNode };

const PAGES: Record<string, () => Promise<Page>> = {
  "/": () => import("./pages/start"),
  "/j": () => import("./pages/patient"),
  "/staff": () => import("./pages/staff"),
  "/test": () => import("./pages/check"),
  "/it": () => import("./pages/technical"),
  "/status": () => import("./pages/status"),
};

/** Milliseconds before a part that did not arrive is asked for again: a phone changes its network while a page loads. */
const PAUSES = [300, 1000, 3000];

/** Fetches a part of the page. One that never comes is of another version, or the service is gone: the browser says so. */
async function fetched<T>(part: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await part();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return part().catch(() => {
    location.reload();
    return new Promise<never>(() => undefined);
  });
}

const load = PAGES[location.pathname.replace(/(.)\/$/, "$1")] ?? PAGES["/"];
const root = document.getElementById("app");
if (load && root) {
  const [{ page: Page }] = await Promise.all([fetched(load), fetched(() => speak(preferred()))]);
  render(
    <>
      <Page />
      <Spoken />
    </>,
    root,
  );
}
