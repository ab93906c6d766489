import type { FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { FETCH_PART_BYTES, FETCH_PARTS_MAX, FETCH_RETRY_MS, FETCH_TRIES_MAX } from "../../limits.ts";

/** Where a file comes from, in parts. */
export interface PartSource {
  /** Asks for the bytes from `first` to `last`, both included: 206 with `content-range`, or 200 with all of them. */
  request(first: number, last: number): Promise<Response>;
  readonly bytesMax: number;
  readonly signal: AbortSignal;
  /**
   * @param bytes that have arrived
   * @param total of the file
   * @param inOrder how many of them stand at its beginning without a gap
   */
  onBytes(bytes: number, total: number, inOrder: number): void;
}

/** How much of how much: of `content-range`, else of the whole. */
function totalOf(response: Response): number {
  const range = /^bytes \d+-\d+\/(\d{1,15})$/.exec(response.headers.get("content-range") ?? "");
  return Number(range?.[1] ?? response.headers.get("content-length") ?? Number.NaN);
}

class PartFetcher {
  readonly #source: PartSource;
  readonly #file: FileHandle;
  /** Of the file as it is now on the server: all parts must have the same. */
  #tag: string | null = null;
  #total = 0;
  #arrived = 0;
  #next = FETCH_PART_BYTES;
  /** By where a part begins: up to where it is there. */
  readonly #reached = new Map<number, number>();
  #inOrder = 0;

  constructor(source: PartSource, file: FileHandle) {
    this.#source = source;
    this.#file = file;
  }

  async fetch(): Promise<void> {
    const first = await this.#source.request(0, FETCH_PART_BYTES - 1);
    this.#tag = first.headers.get("etag");
    this.#total = totalOf(first);
    if (!Number.isSafeInteger(this.#total)) throw new Error("the server does not say how large the file is");
    if (this.#total > this.#source.bytesMax) throw new Error(`the file is larger than ${this.#source.bytesMax} bytes`);
    if (first.status === 200) {
      await this.#take(first, 0, this.#total);
    } else {
      // The others begin while the first is still arriving.
      const others = Array.from({ length: FETCH_PARTS_MAX - 1 }, () => this.#worker());
      const head = this.#take(first, 0, Math.min(FETCH_PART_BYTES, this.#total)).catch(() =>
        this.#part(0, Math.min(FETCH_PART_BYTES, this.#total)),
      );
      await allOrFirstError([head.then(() => this.#worker()), ...others]);
    }
  }

  async #worker(): Promise<void> {
    while (this.#next < this.#total) {
      const from = this.#next;
      this.#next += FETCH_PART_BYTES;
      await this.#part(from, Math.min(from + FETCH_PART_BYTES, this.#total));
    }
  }

  /** @param to the first byte behind it */
  async #part(from: number, to: number): Promise<void> {
    const { signal } = this.#source;
    for (let tries = 1; ; tries += 1) {
      const before = this.#arrived;
      try {
        const response = await this.#source.request(from, to - 1);
        if (
          response.status !== 206 ||
          response.headers.get("etag") !== this.#tag ||
          totalOf(response) !== this.#total
        ) {
          throw new Error("the file has changed on the server");
        }
        await this.#take(response, from, to);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (tries === FETCH_TRIES_MAX) throw error;
        this.#arrived = Math.min(this.#arrived, before);
        await sleep(FETCH_RETRY_MS * tries, undefined, { signal });
      }
    }
  }

  /** A part that is asked for again brings the same bytes: what was reached stays reached. */
  #reach(from: number, to: number): void {
    this.#reached.set(from, Math.max(this.#reached.get(from) ?? 0, to));
    for (let next = this.#reached.get(this.#partOf(this.#inOrder)) ?? 0; next > this.#inOrder; ) {
      this.#inOrder = next;
      next = this.#reached.get(this.#partOf(next)) ?? 0;
    }
  }

  /** Where the part begins that a byte belongs to; there is but one where the server sends all at once. */
  #partOf(at: number): number {
    return this.#reached.size === 1 && this.#reached.has(0) ? 0 : Math.floor(at / FETCH_PART_BYTES) * FETCH_PART_BYTES;
  }

  async #take(response: Response, from: number, to: number): Promise<void> {
    if (response.body === null) throw new Error("the answer was empty");
    let at = from;
    for await (const chunk of chunksOf(response.body, this.#source.signal)) {
      if (at + chunk.length > to) throw new Error("more arrived than was asked for");
      await this.#file.write(chunk, 0, chunk.length, at);
      at += chunk.length;
      this.#arrived += chunk.length;
      this.#reach(from, at);
      this.#source.onBytes(this.#arrived, this.#total, this.#inOrder);
    }
    if (at !== to) throw new Error(`it ended after ${at - from} of ${to - from} bytes`);
  }
}

/** A body's bytes, cut off when the signal aborts, whether any come or not. */
async function* chunksOf(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const next = await reader.read();
      signal.throwIfAborted();
      if (next.done) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Waits for all of them, so that none writes on after the end. @throws the first error */
async function allOrFirstError(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((done) => done.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Fetches a file in several requests at once; parts that fail are asked for again.
 * @param file is written from its beginning
 * @throws Error in words; what the source throws
 */
export function fetchParts(source: PartSource, file: FileHandle): Promise<void> {
  return new PartFetcher(source, file).fetch();
}
