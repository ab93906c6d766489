import {
  encodeFrame,
  type FarMessage,
  FrameError,
  LINK_PROTOCOL,
  MESSAGE_BYTES_MAX,
  type NearMessage,
  PageReceiver,
  pageHeadsOf,
  readFar,
} from "@ringside/link";
import { type ConnectionRole, PROXY_PATHS } from "@ringside/shared";
import type { WebSocket } from "ws";
import type { Api } from "../api/calls.ts";
import { CliError } from "../exit-codes.ts";
import {
  BRIDGE_CLOSE_MS,
  LINK_ANSWER_MS,
  LINK_COMPRESSED_BYTES_MIN,
  LINK_HELLO_MS,
  LINK_UNSENT_BYTES_MAX,
  WS_PING_MS,
} from "../limits.ts";
import { settledWithin } from "../settled.ts";
import type { Pages } from "./page-cache.ts";
import { closeError, closeWords, openWebSocket } from "./websocket.ts";

/** The cell does not know the link: it is older than this agent. */
export class LinkUnknown extends Error {}

export interface LinkPeer {
  received(message: FarMessage, pages: Pages): void;
  /** The link is of no use any more. Once; nothing follows. @param words undefined for an ordinary end */
  closed(words: string | undefined): void;
}

export interface LinkTarget {
  readonly api: Api;
  readonly session: string;
  readonly role: ConnectionRole | undefined;
}

type Hello = Extract<FarMessage, { type: "hello" }>;

/**
 * The near end of one link: a WebSocket that serves one gdb after another. A message that is none, an answer that does
 * not come within LINK_ANSWER_MS, or silence for two pings end it.
 */
export class Link {
  readonly #socket: WebSocket;
  readonly #receiver = new PageReceiver();
  readonly #hello = Promise.withResolvers<Hello>();
  #peer: LinkPeer | null = null;
  #end: { readonly words: string | undefined } | null = null;
  #lastId = 0;
  #heardAt = performance.now();
  #pingAt: number | null = null;
  #roundTripMs: number | null = null;
  #measured: Promise<void> = Promise.resolve();
  #pings: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#hello.promise.catch(() => undefined);
    socket.on("message", (data: Buffer) => this.#message(data));
    socket.on("pong", () => this.#pong());
    socket.on("ping", () => this.#heard());
    socket.once("close", (code: number, reason: Buffer) => {
      this.#hello.reject(closeError(code, reason.toString("utf8")));
      this.#closed(closeWords(code, reason.toString("utf8")));
    });
    this.#pings = setInterval(() => this.#ping(), WS_PING_MS);
  }

  /**
   * Gets a ticket, opens the WebSocket, and waits for the cell's hello.
   * @throws CliError with why not; LinkUnknown where the cell has no link
   */
  static async open({ api, session, role }: LinkTarget, signal: AbortSignal): Promise<Link> {
    const { url, ticket } = await api.ticket(session, "gdb", role);
    const place = new URL(url);
    place.pathname = place.pathname.replace(PROXY_PATHS.gdb(session), PROXY_PATHS.link(session));
    const socket = await openWebSocket({ url: place.href, ticket }, signal, {
      protocol: LINK_PROTOCOL,
      bytesMax: MESSAGE_BYTES_MAX,
      unknown: () => new LinkUnknown(),
    });
    const link = new Link(socket);
    const abort = () => link.close();
    signal.addEventListener("abort", abort);
    try {
      socket.resume();
      if (signal.aborted) abort();
      if (!(await settledWithin(link.#hello.promise, LINK_HELLO_MS))) {
        throw new CliError("try_later", "The machine's host does not answer.");
      }
      await link.#hello.promise;
      link.#measured = link.#measure();
      return link;
    } catch (cause) {
      link.close();
      throw cause;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** What the cell said first. */
  hello(): Promise<Hello> {
    return this.#hello.promise;
  }

  get isOpen(): boolean {
    return this.#end === null;
  }

  /** One ping, in ms; null where none was answered. */
  async roundTripMs(): Promise<number | null> {
    await this.#measured;
    return this.#roundTripMs;
  }

  /** Who is told of what comes; null while no gdb uses the link. */
  serve(peer: LinkPeer | null): void {
    this.#peer = peer;
    clearTimeout(this.#answerTimer);
    if (this.#end !== null) peer?.closed(this.#end.words);
  }

  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** @param waits whether the answer may take as long as the machine runs */
  send(message: NearMessage, waits: boolean): void {
    if (this.#end !== null) return;
    const frame = encodeFrame(message);
    this.#socket.send(frame, { compress: frame.length >= LINK_COMPRESSED_BYTES_MIN });
    if (this.#socket.bufferedAmount > LINK_UNSENT_BYTES_MAX) {
      this.#fail("The machine's host does not take what is sent.");
    } else if ("id" in message && !waits) {
      clearTimeout(this.#answerTimer);
      this.#answerTimer = setTimeout(() => this.#fail("The machine's host has not answered."), LINK_ANSWER_MS);
    }
  }

  /** In good order, where that takes no longer than BRIDGE_CLOSE_MS. */
  close(): void {
    if (this.#end === null) this.#socket.close(1000);
    const timer = setTimeout(() => this.#socket.terminate(), BRIDGE_CLOSE_MS);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#closed(undefined);
  }

  #message(data: Buffer): void {
    this.#heard();
    if (this.#end !== null) return;
    try {
      const { message, bytes } = readFar(data);
      const pages = new Map(this.#receiver.take(pageHeadsOf(message), bytes).map((page) => [page.at, page.bytes]));
      if (message.type === "hello") this.#hello.resolve(message);
      if ("id" in message) clearTimeout(this.#answerTimer);
      this.#peer?.received(message, pages);
    } catch (cause) {
      if (!(cause instanceof FrameError)) throw cause;
      this.#fail(`The machine's host sent what is no message of the link (${cause.message}).`);
    }
  }

  #fail(words: string): void {
    this.#socket.terminate();
    this.#closed(words);
  }

  #closed(words: string | undefined): void {
    if (this.#end !== null) return;
    this.#end = { words };
    clearInterval(this.#pings);
    clearTimeout(this.#answerTimer);
    this.#hello.reject(new CliError("try_later", words ?? "The server closed the connection."));
    this.#peer?.closed(words);
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #pong(): void {
    this.#heard();
    if (this.#pingAt !== null) this.#roundTripMs = performance.now() - this.#pingAt;
    this.#pingAt = null;
  }

  #ping(): void {
    if (performance.now() - this.#heardAt > 2 * WS_PING_MS) {
      this.#fail("The machine's host has not answered for a while.");
    } else if (this.#socket.readyState === this.#socket.OPEN) {
      this.#pingAt ??= performance.now();
      this.#socket.ping();
    }
  }

  async #measure(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      for (const event of ["pong", "close"]) this.#socket.once(event, () => resolve());
    });
    this.#ping();
    await settledWithin(answered, LINK_HELLO_MS);
  }
}
