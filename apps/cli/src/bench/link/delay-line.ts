import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { BENCH_LINE_BYTES_MAX } from "../../limits.ts";
import type { TurnMeter } from "./turn-meter.ts";

export interface DelayLineOptions {
  /** Where connections go on to, asked for each. */
  readonly target: () => { readonly host: string; readonly port: number } | { readonly path: string };
  /** One way; a round trip takes twice as long. Setting up a connection is not delayed, unless `setUp` says so. */
  readonly delayMs: number;
  readonly meter: Pick<TurnMeter, "up" | "down">;
  /** "delayed": a connection's first bytes leave a round trip later, as behind a TCP handshake. */
  readonly setUp?: "delayed";
  /** Most that all connections together carry down, in megabits a second; undefined for no bound. */
  readonly megabits?: number | undefined;
}

/** When the next bytes of a direction may leave. */
type Leaves = (bytes: number, nowMs: number) => number;
const AT_ONCE: Leaves = (_bytes, nowMs) => nowMs;

/** A line of so many megabits a second: what is sent queues before it. */
function narrow(megabits: number): Leaves {
  let freeAtMs = 0;
  return (bytes, nowMs) => {
    freeAtMs = Math.max(freeAtMs, nowMs) + (bytes * 8) / (megabits * 1_000);
    return freeAtMs;
  };
}

const HOST = "127.0.0.1";

/** A long line: a port of loopback from where all bytes arrive later, in order, by a constant time. */
export class DelayLine implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #down: Leaves;

  private constructor(server: Server, megabits: number | undefined) {
    this.#server = server;
    this.#down = megabits === undefined ? AT_ONCE : narrow(megabits);
  }

  static async open(options: DelayLineOptions): Promise<DelayLine> {
    const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true });
    const line = new DelayLine(server, options.megabits);
    server.on("connection", (near) => line.#carry(near, options));
    server.listen(0, HOST);
    await once(server, "listening");
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  #carry(near: Socket, { target, delayMs, meter, setUp }: DelayLineOptions): void {
    const openAtMs = performance.now() + (setUp === "delayed" ? 2 * delayMs : 0);
    const up: Leaves = (_bytes, nowMs) => Math.max(nowMs, openAtMs);
    const far = connect({ ...target(), noDelay: true, allowHalfOpen: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#open.delete(socket);
        // What is on its way still arrives.
        setTimeout(() => other.end(), delayMs + 1).unref();
      });
    }
    carryLater(near, far, { delayMs, leaves: up, seen: (chunk) => meter.up(chunk) });
    carryLater(far, near, { delayMs, leaves: this.#down, seen: (chunk) => meter.down(chunk) });
    near.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Direction {
  readonly delayMs: number;
  readonly leaves: Leaves;
  /** Called before the delay. */
  readonly seen: (chunk: Buffer) => void;
}

/** One direction: a queue with one timer, so that order is kept. */
function carryLater(from: Socket, to: Socket, { delayMs, leaves, seen }: Direction): void {
  const queue: { readonly due: number; readonly chunk: Buffer | null }[] = [];
  let bytes = 0;
  let waits = false;
  const later = (ms: number) => {
    waits = true;
    setTimeout(flush, Math.max(0, ms));
  };
  const flush = () => {
    waits = false;
    for (let next = queue[0]; next !== undefined && next.due <= performance.now(); next = queue[0]) {
      queue.shift();
      if (next.chunk === null) to.end();
      else to.write(next.chunk);
      bytes -= next.chunk?.length ?? 0;
    }
    if (bytes < BENCH_LINE_BYTES_MAX / 2) from.resume();
    const [next] = queue;
    if (next !== undefined) later(next.due - performance.now());
  };
  const push = (chunk: Buffer | null) => {
    if (delayMs === 0 && queue.length === 0) {
      if (chunk === null) to.end();
      else to.write(chunk);
      return;
    }
    const now = performance.now();
    const due = leaves(chunk?.length ?? 0, now) + delayMs;
    queue.push({ due, chunk });
    bytes += chunk?.length ?? 0;
    if (bytes >= BENCH_LINE_BYTES_MAX) from.pause();
    if (!waits) later(due - now);
  };
  from.on("data", (chunk: Buffer) => {
    seen(chunk);
    push(chunk);
  });
  from.on("end", () => push(null));
}
