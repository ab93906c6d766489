import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { HALF_MADE_MAX, HALF_MADE_PER_ADDRESS_MAX } from "../limits.ts";

export interface HalfMadeLimits {
  readonly all: number;
  readonly perAddress: number;
}

/**
 * Connections of an HTTP server that have not sent a whole request: nothing yet, a part of one, or nothing since the
 * last. How long they may is the server's headersTimeout, requestTimeout and keepAliveTimeout; how many there may be
 * is held here. One too many costs the oldest of its address, or of the address that has the most: who means it has
 * sent their request long before.
 */
export class HalfMade {
  readonly #limits: HalfMadeLimits;
  /** By address, the oldest first. */
  readonly #waiting = new Map<string, Set<Socket>>();
  /** A socket forgets its peer's address when it is closed. */
  readonly #addresses = new WeakMap<Socket, string>();
  #size = 0;

  constructor(server: Server, limits: HalfMadeLimits = { all: HALF_MADE_MAX, perAddress: HALF_MADE_PER_ADDRESS_MAX }) {
    this.#limits = limits;
    server.on("connection", (socket) => {
      socket.once("close", () => this.#remove(socket));
      this.#add(socket);
    });
    server.on("request", (request, response) => this.#requested(request, response));
    server.on("upgrade", ({ socket }) => this.#remove(socket));
  }

  get size(): number {
    return this.#size;
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const whole = () => this.#remove(socket);
    if (bringsBody(request)) request.once("end", whole);
    else whole();
    // Kept alive, it waits for the next.
    response.once("close", () => {
      if (!socket.destroyed) this.#add(socket);
    });
  }

  #add(socket: Socket): void {
    const address = this.#addressOf(socket);
    const mine = this.#waiting.get(address) ?? new Set();
    this.#waiting.set(address, mine);
    if (mine.has(socket)) return;
    mine.add(socket);
    this.#size += 1;
    if (mine.size > this.#limits.perAddress) this.#cutOldest(mine);
    else if (this.#size > this.#limits.all) this.#cutOldest(this.#largest());
  }

  #remove(socket: Socket): void {
    const address = this.#addressOf(socket);
    const mine = this.#waiting.get(address);
    if (mine?.delete(socket) !== true) return;
    this.#size -= 1;
    if (mine.size === 0) this.#waiting.delete(address);
  }

  #cutOldest(of: ReadonlySet<Socket>): void {
    const [oldest] = of;
    if (oldest === undefined) return;
    this.#remove(oldest);
    oldest.destroy();
  }

  #largest(): ReadonlySet<Socket> {
    let most: ReadonlySet<Socket> = new Set();
    for (const sockets of this.#waiting.values()) if (sockets.size > most.size) most = sockets;
    return most;
  }

  #addressOf(socket: Socket): string {
    const known = this.#addresses.get(socket);
    if (known !== undefined) return known;
    const address = socket.remoteAddress ?? "unknown";
    this.#addresses.set(socket, address);
    return address;
  }
}

const bringsBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
