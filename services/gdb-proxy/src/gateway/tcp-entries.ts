import { BlockList, createServer, isIPv6, type Server, type Socket } from "node:net";
import { ACK_BYTE, Decoder, encodePacket } from "@ringside/rsp";
import { RingsideError, type TcpEntry } from "@ringside/shared";
import type { Logger } from "pino";
import { TcpTransport } from "../client/tcp-transport.ts";
import type { Transport } from "../client/transport.ts";
import { CLOSE_GRACE_MS, TCP_ENTRIES_MAX, TCP_ENTRY_MS, TCP_REFUSAL_MS, TCP_STRANGERS_MAX } from "../limits.ts";
import type { DeadPeers } from "./dead-peers.ts";

export interface TcpEntriesOptions {
  readonly bind: string;
  /** The host that clients are told. */
  readonly host: string;
  /** Ports to choose from; 0 alone lets the kernel choose. */
  readonly ports: { readonly first: number; readonly last: number };
  readonly allow: BlockList;
  readonly log: Logger;
  readonly peers: DeadPeers;
  readonly entryMs?: number;
}

/** IPv4 where a dual-stack socket shows IPv4 as IPv6. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "");

/** Reads `10.0.0.0/8,::1/128`. @throws Error for what is no network */
export function networksOf(list: string): BlockList {
  const networks = new BlockList();
  for (const text of list.split(",").filter((part) => part.trim() !== "")) {
    const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(text.trim());
    const [address, bits] = [match?.[1], Number(match?.[2])];
    if (address === undefined) throw new Error(`not a network: ${text}`);
    networks.addSubnet(address, bits, isIPv6(address) ? "ipv6" : "ipv4");
  }
  return networks;
}

/**
 * TCP ports for gdb's own `target remote HOST:PORT`. A port takes one connection from one address and closes;
 * without one it closes after a minute. There is no encryption and no password: the address and the moment
 * are the protection, and only listed networks may ask for a port.
 */
export class TcpEntries {
  readonly #options: TcpEntriesOptions;
  readonly #open = new Map<string, Server>();

  constructor(options: TcpEntriesOptions) {
    this.#options = options;
  }

  /**
   * Opens a port for a session, in place of the one it has.
   * @param source the only address that may connect
   * @param connect is given the connection; what it throws is told to gdb as far as RSP can
   * @throws RingsideError source_not_allowed, no_capacity
   */
  async open(session: string, source: string, connect: (transport: Transport) => Promise<void>): Promise<TcpEntry> {
    const from = plain(source);
    this.mustAllow(from);
    this.close(session);
    if (this.#open.size >= TCP_ENTRIES_MAX) throw new RingsideError("no_capacity", { retryAfterSeconds: 5 });
    const server = await this.#listen();
    const address = server.address();
    if (address === null || typeof address === "string") throw new RingsideError("internal");
    this.#open.set(session, server);
    const entryMs = this.#options.entryMs ?? TCP_ENTRY_MS;
    const expiry = setTimeout(() => server.close(), entryMs);
    server.once("close", () => {
      clearTimeout(expiry);
      if (this.#open.get(session) === server) this.#open.delete(session);
    });
    this.#takeOne(server, from, connect);
    const expiresAt = new Date(Date.now() + entryMs).toISOString();
    return { host: this.#options.host, port: address.port, expiresAt };
  }

  /** @throws RingsideError source_not_allowed for an address outside the listed networks */
  mustAllow(source: string): void {
    const from = plain(source);
    if (!this.#options.allow.check(from, isIPv6(from) ? "ipv6" : "ipv4")) throw new RingsideError("source_not_allowed");
  }

  /** Closes a session's port, if it has one. */
  close(session: string): void {
    this.#open.get(session)?.close();
    this.#open.delete(session);
  }

  closeAll(): void {
    for (const session of [...this.#open.keys()]) this.close(session);
  }

  #takeOne(server: Server, from: string, connect: (transport: Transport) => Promise<void>): void {
    let strangers = 0;
    server.on("connection", (socket) => {
      socket.on("error", (error) => this.#options.log.debug({ err: error }, "a TCP connection"));
      if (plain(socket.remoteAddress ?? "") !== from || !server.listening) {
        socket.destroy();
        strangers += 1;
        if (strangers >= TCP_STRANGERS_MAX) server.close();
        return;
      }
      server.close();
      this.#options.peers.watch(socket);
      connect(new TcpTransport(socket)).catch((cause: unknown) => {
        const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
        this.#options.log.info({ code: error.code }, "refused");
        refuse(socket, error);
      });
    });
  }

  async #listen(): Promise<Server> {
    const { bind, ports } = this.#options;
    const count = ports.last - ports.first + 1;
    const start = Math.floor(Math.random() * count);
    for (let i = 0; i < count; i += 1) {
      const server = await listenOn(bind, ports.first + ((start + i) % count));
      if (server !== null) return server;
    }
    throw new RingsideError("no_capacity", {
      message: "All TCP ports are taken: try again soon",
      retryAfterSeconds: 5,
    });
  }
}

/** Null where the port is taken. */
async function listenOn(host: string, port: number): Promise<Server | null> {
  const server = createServer({ pauseOnConnect: true, noDelay: true });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(new RingsideError("internal", { cause: error }));
    });
    server.listen({ host, port, backlog: 4 }, () => resolve(server));
  });
}

/** Answers gdb's first packet with the reason, which gdb prints, and closes. */
function refuse(socket: Socket, error: RingsideError): void {
  const decoder = new Decoder({ runLength: false });
  const cut = setTimeout(() => socket.destroy(), TCP_REFUSAL_MS);
  socket.once("close", () => clearTimeout(cut));
  socket.on("data", (bytes) => {
    decoder.push(bytes, (frame) => {
      if (frame.kind !== "packet" || socket.writableEnded) return;
      socket.end(Buffer.concat([Buffer.of(ACK_BYTE), encodePacket(`E.${error.code}: ${error.message}`)]));
      setTimeout(() => socket.destroy(), CLOSE_GRACE_MS).unref();
    });
  });
  socket.resume();
}
