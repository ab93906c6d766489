import fc from "fast-check";
import { expect, test } from "vitest";
import { type JournalWrite, WriteJournal } from "./write-journal.ts";

/** What QEMU does: a count of instructions, the writes that the state has, and snapshots of both. */
class Model {
  icount = 0;
  has = 0;
  readonly #snapshots = new Map<number, number>([[0, 0]]);

  snapshot(): void {
    this.#snapshots.set(this.icount, this.has);
  }

  /** Loads the nearest snapshot at or before, and runs on: nobody writes on that way. */
  goBack(icount: number): void {
    const from = Math.max(...[...this.#snapshots.keys()].filter((at) => at <= icount));
    this.has = this.#snapshots.get(from) ?? 0;
    this.icount = icount;
  }
}

const LAST = 30;
const writesArbitrary = fc
  .array(fc.integer({ min: 0, max: LAST }), { maxLength: 8 })
  .map((icounts) =>
    icounts.sort((a, b) => a - b).map((icount, i): JournalWrite => ({ seq: i, icount, data: `P${i}` })),
  );

function writeDue(journal: WriteJournal, model: Model, beforeSeq?: number): void {
  const due = journal.due(model.icount, beforeSeq);
  for (const { seq } of due) {
    expect(seq, "writes are made in order, none twice").toBe(model.has);
    model.has += 1;
  }
  journal.done(due);
  if (due.length === 0) return;
  model.snapshot();
  journal.kept(model.icount);
}

test("however the machine is moved to and fro, it has each write from its place on, and never twice", () => {
  const move = fc.record({
    to: fc.integer({ min: 0, max: LAST }),
    waypoint: fc.boolean(),
    beforeSeq: fc.option(fc.integer({ min: 0, max: 8 })),
  });
  fc.assert(
    fc.property(writesArbitrary, fc.array(move, { maxLength: 20 }), (writes, moves) => {
      const journal = new WriteJournal(writes);
      const model = new Model();
      for (const { to, waypoint, beforeSeq } of moves) {
        if (to < model.icount) {
          model.goBack(to);
          journal.wentBackTo(to);
        }
        while (model.icount < to) {
          writeDue(journal, model);
          model.icount = Math.min(to, journal.next() ?? to);
        }
        if (waypoint) {
          model.snapshot();
          journal.kept(model.icount);
        }
        if (beforeSeq !== null) writeDue(journal, model, beforeSeq);
        expect(journal.canGoBack).toBe(true);
        const past = writes.filter(({ icount }) => icount < model.icount).length;
        const here = writes.filter(({ icount }) => icount === model.icount).length;
        expect(model.has).toBeGreaterThanOrEqual(past);
        expect(model.has).toBeLessThanOrEqual(past + here);
        expect(journal.due(model.icount).length).toBe(past + here - model.has);
      }
    }),
    { numRuns: 1_000 },
  );
});

test("a write without a snapshot forbids going back", () => {
  const journal = new WriteJournal([{ seq: 4, icount: 10, data: "P0=00" }]);
  journal.done(journal.due(10));
  expect(journal.canGoBack).toBe(false);
  journal.kept(10);
  expect(journal.canGoBack).toBe(true);
});
