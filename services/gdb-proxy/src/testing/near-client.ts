import { once } from "node:events";
import {
  encodeFrame,
  type FarMessage,
  LINK_PROTOCOL,
  type NearMessage,
  type Page,
  PageReceiver,
  pageHeadsOf,
  readFar,
} from "@ringside/link";
import { WebSocket } from "ws";

type Answered = Extract<FarMessage, { readonly id: number }>;
type Of<T extends FarMessage["type"]> = Extract<FarMessage, { readonly type: T }>;

/** What a near agent gets as an answer: the message with its pages as they arrived. */
export interface Got<T extends Answered["type"] = Answered["type"]> {
  readonly message: Of<T>;
  readonly pages: ReadonlyMap<string, Uint8Array>;
}

/** A near agent as far as the link goes, for tests: asks and waits, and keeps what else it is told. */
export class NearClient {
  readonly ws: WebSocket;
  readonly told: FarMessage[] = [];
  readonly faults: string[] = [];
  /** Bytes of messages, unpacked. */
  bytes = 0;
  readonly #receiver = new PageReceiver();
  readonly #waiting = new Map<number, (got: Got) => void>();
  readonly #closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #hello = Promise.withResolvers<Of<"hello">>();
  #lastId = 0;

  /** @param headers such as the ticket's */
  constructor(url: string, headers: Record<string, string> = {}, options: { readonly autoPong?: boolean } = {}) {
    this.ws = new WebSocket(url, LINK_PROTOCOL, { headers, ...options });
    this.ws.on("error", () => undefined);
    this.ws.on("message", (data: Buffer) => this.#message(data));
    this.#closed = once(this.ws, "close").then(([code, reason]) => ({ code: Number(code), reason: String(reason) }));
  }

  get closed(): Promise<{ readonly code: number; readonly reason: string }> {
    return this.#closed;
  }

  get hello(): Promise<Of<"hello">> {
    return this.#hello.promise;
  }

  send(message: NearMessage): void {
    this.ws.send(encodeFrame(message));
  }

  /** Sends a request with the next id. */
  async ask(message: Omit<Extract<NearMessage, { id: number }>, "id"> & { readonly type: string }): Promise<Got> {
    this.#lastId += 1;
    const id = this.#lastId;
    const got = new Promise<Got>((resolve) => this.#waiting.set(id, resolve));
    this.send({ ...message, id } as NearMessage);
    return Promise.race([
      got,
      this.#closed.then(({ code, reason }) => {
        throw new Error(`closed: ${code} ${reason}`);
      }),
    ]);
  }

  async attach(again: Extract<NearMessage, { type: "attach" }>["again"] = null): Promise<Got<"attached">> {
    await this.hello;
    return as("attached", await this.ask({ type: "attach", again } as never));
  }

  async packets(last: string, first: readonly string[] = [], noted: readonly string[] = []): Promise<Got<"answer">> {
    return as("answer", await this.ask({ type: "packets", noted, first, last } as never));
  }

  async read(pages: readonly bigint[], noted: readonly string[] = []): Promise<Got<"pages">> {
    const named = pages.map((page) => page.toString(16));
    return as("pages", await this.ask({ type: "read", noted, pages: named } as never));
  }

  #message(data: Buffer): void {
    this.bytes += data.length;
    try {
      const { message, bytes } = readFar(data);
      const arrived: readonly Page[] = this.#receiver.take(pageHeadsOf(message), bytes);
      const pages = new Map(arrived.map(({ at, bytes: page }) => [at, page]));
      if (message.type === "hello") this.#hello.resolve(message);
      if (!("id" in message)) this.told.push(message);
      else if (!this.#waiting.has(message.id)) this.faults.push(`nobody asked for ${message.id}`);
      else {
        this.#waiting.get(message.id)?.({ message, pages });
        this.#waiting.delete(message.id);
      }
    } catch (error) {
      this.faults.push(String(error));
    }
  }
}

function as<T extends Answered["type"]>(type: T, { message, pages }: Got): Got<T> {
  if (message.type !== type) throw new Error(`${type} was due: ${JSON.stringify(message)}`);
  return { message: message as Of<T>, pages };
}
