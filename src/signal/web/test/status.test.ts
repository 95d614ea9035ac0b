import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/model/api";
import type { Status } from "../src/model/api";
import { Watch } from "../src/model/status";
import { FakeClock, settle } from "./clock";

const page = globalThis as unknown as { document: { hidden: boolean } };
const HOUR = 3_600_000;

function watched() {
  page.document = { hidden: false };
  const clock = new FakeClock();
  const seen: { looks: number[]; fault: ApiError | undefined } = { looks: [], fault: undefined };
  const watch = new Watch(clock, async () => {
    seen.looks.push(clock.now());
    if (seen.fault) throw seen.fault;
    return { alarms: [] } as unknown as Status;
  });
  void watch.look();
  return { clock, seen, watch };
}

test("the state is looked at every five seconds, and no more after an hour without a touch", async () => {
  const { clock, seen, watch } = watched();
  await clock.pass(20_000);
  deepEqual(seen.looks, [0, 5_000, 10_000, 15_000, 20_000]);
  await clock.pass(HOUR / 2);
  watch.touch();
  await clock.pass(HOUR - 10_000);
  equal(watch.paused.value, false);
  await clock.pass(30_000);
  equal(watch.paused.value, true);
  const looks = seen.looks.length;
  await clock.pass(10 * HOUR);
  equal(seen.looks.length, looks);
  watch.touch();
  watch.pause(false);
  await settle();
  equal(seen.looks.length, looks + 1);
});

test("without an answer it asks ever more seldom, once a minute at the end, and shows what it knew", async () => {
  const { clock, seen, watch } = watched();
  await settle();
  seen.fault = new ApiError(0, "offline");
  await clock.pass(600_000);
  equal(watch.fault.value, "offline");
  ok(watch.status.value);
  const gaps = seen.looks.map((at, index) => at - (seen.looks[index - 1] ?? 0)).slice(1);
  deepEqual(gaps.slice(0, 6), [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
  seen.fault = undefined;
  await clock.pass(60_000);
  equal(watch.fault.value, undefined);
});

test("whoever is no operator or has signed out is asked to sign in, and nothing is asked any more", async () => {
  for (const [status, fault] of [
    [401, "signed_out"],
    [403, "forbidden"],
  ] as const) {
    const { clock, seen, watch } = watched();
    await settle();
    seen.fault = new ApiError(status, "any");
    await clock.pass(5_000);
    equal(watch.fault.value, fault);
    await clock.pass(HOUR);
    equal(seen.looks.length, 2);
  }
});

test("nobody sees a hidden page, so it does not look", async () => {
  const { clock, seen, watch } = watched();
  await settle();
  page.document.hidden = true;
  await clock.pass(HOUR / 2);
  equal(seen.looks.length, 2);
  page.document.hidden = false;
  void watch.look();
  await clock.pass(5_000);
  equal(seen.looks.length, 4);
});
