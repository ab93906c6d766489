import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { NEAR_REFUSAL_MS, RECONNECT_DELAY_MS, RECONNECT_DELAY_MS_MAX, RECONNECT_MS_MAX } from "../limits.ts";
import { NearAgent } from "./agent.ts";
import { NearFiles } from "./files/near-files.ts";
import { GdbServer } from "./gdb-server.ts";
import type { Link } from "./link.ts";
import { isPassing, type Links } from "./links.ts";
import type { Verification } from "./verification.ts";

export interface ServeOptions {
  readonly stream: Duplex;
  readonly links: Links;
  readonly verification: Verification | null;
  readonly signal: AbortSignal;
  /** A line for the person at the terminal. */
  readonly say: (line: string) => void;
  /** Called once the cell has taken gdb. */
  readonly connected: () => void;
  /** The files that this gdb is given; null for none. */
  readonly files: NearFiles | null;
}

/**
 * Serves one gdb until it leaves or can be served no more. A link that breaks off is opened again for up to
 * RECONNECT_MS_MAX, with gdb still attached.
 * @returns why it ended, for people; undefined for an ordinary end
 * @throws LinkUnknown where the cell has no link; gdb has been sent nothing then
 */
export async function serveGdb(options: ServeOptions): Promise<string | undefined> {
  const first = await options.links.take(options.signal);
  const served = new ServedGdb(options);
  return await served.run(first);
}

class ServedGdb {
  readonly #options: ServeOptions;
  readonly #agent: NearAgent;
  readonly #server: GdbServer;
  readonly #left = new AbortController();
  #link: Link | null = null;
  #words: string | undefined;
  #isConnected = false;
  #reopening: Promise<void> = Promise.resolve();

  constructor(options: ServeOptions) {
    this.#options = options;
    const agent = new NearAgent(
      {
        toGdb: (payload) => this.#server.reply(payload),
        toCell: (message) => {
          const waits = message.type === "attach" ? (message.again?.awaits ?? null) !== null : agent.waitsForStop;
          this.#link?.send(message, waits);
        },
        say: options.say,
        wake: () => this.#server.wake(),
        hangUp: () => this.#server.end(),
        nextId: () => this.#link?.nextId() ?? 1,
        files: options.files && {
          offer: NearFiles.OFFER,
          ask: (payload) => {
            options.files?.answerFile(payload).then(
              (reply) => agent.fileAnswered(payload, reply),
              () => agent.fileAnswered(payload, null),
            );
          },
        },
      },
      options.verification,
    );
    this.#agent = agent;
    this.#server = new GdbServer(options.stream, {
      get takesPackets() {
        return agent.takesPackets;
      },
      packet: (payload) => agent.packet(payload),
      interrupt: () => agent.interrupt(),
      left: (words) => {
        this.#words ??= words;
        agent.gdbLeft();
        this.#left.abort();
      },
    });
  }

  async run(first: Link): Promise<string | undefined> {
    const left = new Promise<void>((resolve) => this.#left.signal.addEventListener("abort", () => resolve()));
    const abort = () => this.#server.end();
    this.#options.signal.addEventListener("abort", abort);
    await this.#use(first);
    this.#server.start();
    if (this.#options.signal.aborted) abort();
    await left;
    this.#options.signal.removeEventListener("abort", abort);
    await this.#reopening;
    if (this.#link !== null) this.#options.links.give(this.#link);
    return this.#words;
  }

  async #use(link: Link): Promise<void> {
    const hello = await link.hello();
    this.#link = link;
    link.serve({
      received: (message, pages) => {
        if (message.type === "refused") this.#refused(message.message);
        this.#agent.received(message, pages);
        if (message.type === "attached") this.#attached();
      },
      closed: (words) => {
        this.#link = null;
        if (this.#left.signal.aborted) return;
        this.#agent.lost();
        this.#reopening = this.#reopen(words);
      },
    });
    if (link.isOpen) this.#agent.opened(hello);
  }

  #attached(): void {
    if (!this.#isConnected) this.#options.connected();
    this.#isConnected = true;
  }

  /** gdb is told with the answer to its next packet, if one comes. */
  #refused(words: string): void {
    this.#words = words;
    const timer = setTimeout(() => this.#server.end(), NEAR_REFUSAL_MS);
    this.#left.signal.addEventListener("abort", () => clearTimeout(timer));
  }

  async #reopen(why: string | undefined): Promise<void> {
    const { links, say } = this.#options;
    const { signal } = this.#left;
    say(`${why ?? "The machine's host closed the link."} Connecting again; gdb may stay.`);
    const until = performance.now() + RECONNECT_MS_MAX;
    for (let delay = RECONNECT_DELAY_MS; !signal.aborted; delay = Math.min(2 * delay, RECONNECT_DELAY_MS_MAX)) {
      try {
        await sleep(delay, undefined, { signal });
        const link = await links.take(signal);
        if (signal.aborted) links.give(link);
        else await this.#use(link);
        if (!signal.aborted) say("Connected again.");
        return;
      } catch (cause) {
        if (signal.aborted) return;
        if (isPassing(cause) && performance.now() < until) continue;
        this.#words =
          cause instanceof Error && cause.message !== "" ? cause.message : "The link cannot be opened again.";
        this.#agent.giveUp(this.#words);
        return;
      }
    }
  }
}
