/** A debugger's write, as the trace tells it. */
export interface JournalWrite {
  readonly seq: number;
  readonly icount: number;
  /** Packet payload. */
  readonly data: string;
}

/**
 * Which of a recording's writes are in the machine as it stands. The machine moves along its count of instructions
 * in both directions; where it goes back, QEMU loads the last snapshot at or before and runs on from there, without
 * the writes in between. So one is taken after the writes of each place; at a place with a snapshot the machine has
 * what it had when that was taken.
 */
export class WriteJournal {
  readonly #writes: readonly JournalWrite[];
  /** Place → writes, counted from the first of all, that its snapshot has. */
  readonly #snapshots = new Map<number, number>();
  #done = 0;

  /** @param writes in the order of the trace */
  constructor(writes: readonly JournalWrite[]) {
    this.#writes = writes;
  }

  /** The writes that are due at `icount`, where the machine stands, before it may run on. */
  due(icount: number, beforeSeq = Number.POSITIVE_INFINITY): readonly JournalWrite[] {
    const due: JournalWrite[] = [];
    for (const write of this.#writes.slice(this.#done)) {
      if (write.icount !== icount || write.seq >= beforeSeq) break;
      due.push(write);
    }
    return due;
  }

  /** These, in order, are in the machine now. */
  done(writes: readonly JournalWrite[]): void {
    this.#done += writes.length;
  }

  /** A snapshot of the machine as it stands at `icount` was kept. */
  kept(icount: number): void {
    this.#snapshots.set(icount, this.#done);
  }

  /** How many writes are in the machine as it stands. */
  get place(): number {
    return this.#done;
  }

  /** The machine is as it was when `place` was asked. */
  backTo(place: number): void {
    this.#done = place;
  }

  get snapshots(): number {
    return this.#snapshots.size;
  }

  /** What a snapshot of the machine as it stands at `icount` would be: `known` where there is such a one already. */
  snapshotAt(icount: number): "new" | "known" | "in place of another" {
    const has = this.#snapshots.get(icount);
    if (has === undefined) return "new";
    return has === this.#done ? "known" : "in place of another";
  }

  /** The place of the next write that is not in the machine; null where all are. */
  next(): number | null {
    return this.#writes[this.#done]?.icount ?? null;
  }

  /** Whether each write that is in the machine can be gone back past. */
  get canGoBack(): boolean {
    return this.#writes.slice(0, this.#done).every(({ icount }, i) => (this.#snapshots.get(icount) ?? 0) > i);
  }

  /** The machine went back and stands at `icount`. */
  wentBackTo(icount: number): void {
    const before = this.#writes.findIndex((write) => write.icount >= icount);
    this.#done = this.#snapshots.get(icount) ?? (before < 0 ? this.#writes.length : before);
  }
}
