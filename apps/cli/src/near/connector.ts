import { createServer, type Server, type Socket } from "node:net";
import { CliError } from "../exit-codes.ts";
import { CONNECT_CLIENTS_MAX, CONNECT_PORTS_MAX } from "../limits.ts";
import { Way, type WayOptions } from "./way.ts";

/**
 * A port on this machine where gdb finds the stub of a session's machine. gdb may detach and come again as often as
 * it likes.
 */
export interface ConnectorOptions extends WayOptions {
  readonly host: string;
  /** The first port tried; 0 takes any. */
  readonly port: number;
  readonly onEvent: (event: ConnectorEvent) => void;
}

interface ConnectorEvent {
  readonly what: "connected" | "refused" | "closed";
  /** Number of the connection, from 1. */
  readonly connection: number;
  readonly words: string | undefined;
}

export interface Connector extends AsyncDisposable {
  readonly port: number;
  /** To the cell and back, in ms, when the link was opened, once that is known; null where there is none. */
  readonly roundTripMs: () => Promise<number | null>;
}

/**
 * Opens a link, listens on `host`, and serves whatever connects.
 * @throws CliError where no port can be had, or the cell refuses for good
 */
export async function startConnector(options: ConnectorOptions): Promise<Connector> {
  const open = new Set<Promise<void>>();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const way = new Way({ ...options, signal });
  const roundTripMs = await way.open();
  let count = 0;
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    const connection = ++count;
    if (open.size >= CONNECT_CLIENTS_MAX) {
      socket.destroy();
      options.onEvent({ what: "refused", connection, words: `More than ${CONNECT_CLIENTS_MAX} debuggers at once.` });
      return;
    }
    const served = serve(way, options, socket, connection).finally(() => open.delete(served));
    open.add(served);
  });
  const close = async () => {
    stopping.abort();
    await Promise.all(open);
    await way[Symbol.asyncDispose]();
  };
  try {
    const port = await listen(server, options.host, options.port);
    return {
      port,
      roundTripMs,
      [Symbol.asyncDispose]: async () => {
        const closed = new Promise((resolve) => server.close(resolve));
        await close();
        await closed;
      },
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

async function serve(way: Way, { onEvent }: ConnectorOptions, local: Socket, connection: number): Promise<void> {
  local.on("error", () => local.destroy());
  try {
    const words = await way.carry(local, () => onEvent({ what: "connected", connection, words: undefined }));
    onEvent({ what: "closed", connection, words });
  } catch (cause) {
    local.destroy();
    onEvent({ what: "refused", connection, words: cause instanceof Error ? cause.message : String(cause) });
  }
}

async function listen(server: Server, host: string, first: number): Promise<number> {
  for (let port = first; port < first + CONNECT_PORTS_MAX && port <= 65_535; port++) {
    const outcome = await new Promise<number | NodeJS.ErrnoException>((resolve) => {
      server.once("error", resolve);
      server.listen(port, host, () => {
        server.removeListener("error", resolve);
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : port);
      });
    });
    if (typeof outcome === "number") return outcome;
    if (outcome.code !== "EADDRINUSE") {
      throw new CliError("failed", `Cannot listen on ${host}:${port}: ${outcome.message}`, { cause: outcome });
    }
  }
  throw new CliError("failed", `No free port from ${first} on ${host}: choose another with --port`);
}
