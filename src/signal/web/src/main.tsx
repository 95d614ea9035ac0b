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

const load = PAGES[location.pathname.replace(/(.)\/$/, "$1")] ?? PAGES["/"];
const root = document.getElementById("app");
if (load && root) {
  const [{ page: Page }] = await Promise.all([load(), speak(preferred())]);
  render(
    <>
      <Page />
      <Spoken />
    </>,
    root,
  );
}
