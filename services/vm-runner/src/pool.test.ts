import { pino } from "pino";
import { expect, test } from "vitest";
import { Pool, type Pooled, type PoolKind } from "./pool.ts";

const log = pino({ level: "silent" });

class Fake implements Pooled {
  readonly gone: Promise<void>;
  ended = false;
  #die: () => void = () => undefined;
  constructor() {
    this.gone = new Promise((resolve) => {
      this.#die = resolve;
    });
  }
  die(): void {
    this.#die();
  }
  async end(): Promise<void> {
    this.ended = true;
    this.#die();
  }
}

function kindOf(key: string) {
  const made: Fake[] = [];
  let [making, most] = [0, 0];
  const kind: PoolKind<Fake> = {
    key,
    async make() {
      making += 1;
      most = Math.max(most, making);
      await new Promise((resolve) => setImmediate(resolve));
      making -= 1;
      const fake = new Fake();
      made.push(fake);
      return fake;
    },
  };
  return { kind, made, most: () => most };
}

test("the pool is filled one at a time, and what is taken is replaced", async () => {
  await using pool = new Pool<Fake>({ size: { min: 2, max: 4 }, busy: () => false, idleShare: () => 1, log });
  const { kind, made, most } = kindOf("a");
  expect(pool.take(kind)).toBeNull();
  await expect.poll(() => pool.ready).toBe(2);
  const taken = pool.take(kind);
  expect(taken).toBe(made[0]);
  await expect.poll(() => made.length).toBe(4); // two starts in one window: three are wanted
  expect([pool.ready, pool.target, most()]).toEqual([3, 3, 1]);
  expect(taken?.ended).toBe(false);
});

test("nothing is made while something more urgent is under way", async () => {
  let busy = true;
  await using pool = new Pool<Fake>({ size: { min: 1, max: 4 }, busy: () => busy, idleShare: () => 1, log });
  const { kind, made } = kindOf("a");
  pool.want(kind);
  await expect.poll(() => pool.target).toBe(1);
  expect(made).toEqual([]);
  busy = false;
  await expect.poll(() => pool.ready).toBe(1);
});

test("a prewarmed machine that dies is removed and replaced", async () => {
  await using pool = new Pool<Fake>({ size: { min: 1, max: 4 }, busy: () => false, idleShare: () => 1, log });
  const { kind, made } = kindOf("a");
  pool.want(kind);
  await expect.poll(() => pool.ready).toBe(1);
  made[0]?.die();
  await expect.poll(() => made.length).toBe(2);
  await expect.poll(() => pool.ready).toBe(1);
  expect(made[0]?.ended).toBe(true);
});

test("all machines share the most that there may be, and what is wanted no more makes room", async () => {
  let nowMs = 0;
  await using pool = new Pool<Fake>({
    size: { min: 2, max: 3 },
    busy: () => false,
    idleShare: () => 1,
    log,
    nowMs: () => nowMs,
  });
  const [a, b] = [kindOf("a"), kindOf("b")];
  pool.want(a.kind);
  await expect.poll(() => pool.ready).toBe(2);
  nowMs = 1;
  pool.want(b.kind);
  await expect.poll(() => b.made.length).toBe(2);
  await expect.poll(() => a.made.filter(({ ended }) => ended).length).toBe(1);
  expect(pool.ready).toBe(3);
});

test("a kind that is forgotten is ended, and so is all at the end", async () => {
  const [a, b] = [kindOf("a"), kindOf("b")];
  {
    await using pool = new Pool<Fake>({ size: { min: 1, max: 4 }, busy: () => false, idleShare: () => 1, log });
    pool.want(a.kind);
    pool.want(b.kind);
    await expect.poll(() => pool.ready).toBe(2);
    await pool.forget("a");
    expect([a.made[0]?.ended, b.made[0]?.ended, pool.ready]).toEqual([true, false, 1]);
  }
  expect(b.made[0]?.ended).toBe(true);
});
