import { once } from "node:events";
import { createServer, type Server, Socket } from "node:net";
import {
  CONNECT_MS,
  PORT_REQUEST_BYTES_MAX,
  PORT_REQUEST_MS,
  PORT_TRIES_MAX,
  RELAYED_CONNECTIONS_MAX,
  RELAYED_PORTS_MAX,
} from "./limits.ts";
import { addFrames, type FrameCounts, NO_FRAMES, Recoder } from "./recoder.ts";

const LOOPBACKS = ["127.0.0.1", "::1"] as const;

/**
 * Stands between gdb and gdbserver and passes everything through the codec.
 *
 * Whoever starts a gdbserver asks for a port: a connection to the relay, a line with gdbserver's port, and the answer
 * is a line with the port that gdb is to connect to. That port listens on both loopback addresses until `clear`.
 */
export class Relay implements AsyncDisposable {
  readonly #asked: Server;
  readonly #ports = new Map<number, RelayedPort>();

  private constructor(asked: Server) {
    this.#asked = asked;
    asked.on("connection", (socket) => this.#answer(socket));
  }

  static async open(): Promise<Relay> {
    const asked = createServer();
    await listen(asked, 0, "127.0.0.1");
    return new Relay(asked);
  }

  /** Where ports are asked for, on 127.0.0.1. */
  get port(): number {
    return portOf(this.#asked);
  }

  /** What has gone through since the last `clear`, both directions together. */
  get counts(): FrameCounts {
    return [...this.#ports.values()].map((port) => port.counts).reduce(addFrames, NO_FRAMES);
  }

  /** The port to connect to in place of a gdbserver's. */
  async relay(gdbserver: number): Promise<number> {
    const known = this.#ports.get(gdbserver);
    if (known !== undefined) return known.port;
    for (const [oldest, port] of this.#ports) {
      if (this.#ports.size < RELAYED_PORTS_MAX) break;
      this.#ports.delete(oldest);
      await port.close();
    }
    const port = await RelayedPort.open(gdbserver);
    this.#ports.set(gdbserver, port);
    return port.port;
  }

  /** Gives up all ports and ends all connections. */
  async clear(): Promise<void> {
    const ports = [...this.#ports.values()];
    this.#ports.clear();
    await Promise.all(ports.map((port) => port.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
    await new Promise((resolve) => this.#asked.close(resolve));
  }

  #answer(socket: Socket): void {
    let text = "";
    socket.setTimeout(PORT_REQUEST_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end < 0 && text.length <= PORT_REQUEST_BYTES_MAX) return;
      const port = Number(text.slice(0, Math.max(0, end)));
      socket.removeAllListeners("data");
      if (!Number.isInteger(port) || port < 1 || port > 0xffff) socket.destroy();
      else
        this.relay(port).then(
          (relayed) => socket.end(`${relayed}\n`),
          () => socket.destroy(),
        );
    });
  }
}

/** One port of gdb's, for one of gdbserver's. */
class RelayedPort {
  readonly #servers: readonly Server[];
  readonly #gdbserver: number;
  readonly #sockets = new Set<Socket>();
  readonly #recoders: Recoder[] = [];
  #past: FrameCounts = NO_FRAMES;

  private constructor(gdbserver: number, servers: readonly Server[]) {
    this.#gdbserver = gdbserver;
    this.#servers = servers;
    for (const server of servers) {
      server.on("connection", (gdb) => {
        this.#carry(gdb).catch(() => gdb.destroy());
      });
    }
  }

  /** @throws Error where no port number is free on both addresses */
  static async open(gdbserver: number): Promise<RelayedPort> {
    for (let tries = 0; tries < PORT_TRIES_MAX; tries += 1) {
      const servers: Server[] = [];
      const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true };
      for (const address of LOOPBACKS) {
        const server = createServer(options);
        const [first] = servers;
        try {
          await listen(server, first === undefined ? 0 : portOf(first), address);
          servers.push(server);
        } catch (cause) {
          // Where the system has no IPv6, gdb cannot use it either.
          if ((cause as NodeJS.ErrnoException).code !== "EADDRINUSE") return new RelayedPort(gdbserver, servers);
          for (const one of servers.splice(0)) one.close();
          break;
        }
      }
      if (servers.length > 0) return new RelayedPort(gdbserver, servers);
    }
    throw new Error("no port number is free on both loopback addresses");
  }

  get port(): number {
    const [first] = this.#servers;
    return first === undefined ? 0 : portOf(first);
  }

  get counts(): FrameCounts {
    return this.#recoders.map((recoder) => recoder.counts).reduce(addFrames, this.#past);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async #carry(gdb: Socket): Promise<void> {
    if (this.#sockets.size >= 2 * RELAYED_CONNECTIONS_MAX) {
      gdb.destroy();
      return;
    }
    this.#keep(gdb);
    const stub = await connectLoopback(this.#gdbserver);
    this.#keep(stub);
    const pairs = [new Recoder("gdb"), new Recoder("stub")] as const;
    this.#recoders.push(...pairs);
    carry(gdb, stub, pairs[0]);
    carry(stub, gdb, pairs[1]);
    let open = 2;
    for (const socket of [gdb, stub]) {
      socket.once("close", () => {
        open -= 1;
        if (open > 0) return;
        for (const recoder of pairs) {
          this.#recoders.splice(this.#recoders.indexOf(recoder), 1);
          this.#past = addFrames(this.#past, recoder.counts);
        }
      });
    }
    if (gdb.destroyed) stub.destroy();
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }
}

/** Passes what comes from one socket to the other, at the pace of the slower one, and its end as well. */
function carry(from: Socket, to: Socket, recoder: Recoder): void {
  from.on("data", (chunk: Buffer) => {
    const { onward, back } = recoder.push(chunk);
    if (back.length > 0) from.write(back);
    if (onward.length > 0 && !to.write(onward)) {
      from.pause();
      to.once("drain", () => from.resume());
    }
  });
  from.once("end", () => to.end());
  from.once("close", (failed) => {
    if (failed) to.destroy();
    else to.end();
  });
  from.resume();
}

/** Connects to a port of this machine, whichever loopback address has it. */
async function connectLoopback(port: number): Promise<Socket> {
  let problem: unknown;
  for (const host of LOOPBACKS) {
    const socket = new Socket({ allowHalfOpen: true });
    try {
      socket.setNoDelay(true).connect({ host, port });
      await once(socket, "connect", { signal: AbortSignal.timeout(CONNECT_MS) });
      return socket.pause();
    } catch (cause) {
      problem = cause;
      socket.destroy();
    }
  }
  throw problem;
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  const listening = once(server, "listening");
  server.listen({ port, host, ipv6Only: true });
  await listening;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server without a port");
  return address.port;
}
