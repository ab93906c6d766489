import { expect, test } from "vitest";
import { idleShare } from "./idle-share.ts";

test("the idle share is that of the time since it was last asked", () => {
  const times = [
    { idle: 100, all: 200 },
    { idle: 100, all: 220 },
    { idle: 130, all: 260 },
    { idle: 130, all: 260 },
  ];
  const share = idleShare(() => times.shift() ?? { idle: 0, all: 0 });
  expect(share()).toBe(0);
  expect(share()).toBe(0.75);
  // No time has passed: nothing says that the host is busy.
  expect(share()).toBe(1);
});

test("of this very host it is a share", () => {
  expect(idleShare()()).toBeGreaterThanOrEqual(0);
  expect(idleShare()()).toBeLessThanOrEqual(1);
});
