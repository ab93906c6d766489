import { createServer, type Server, type Socket } from "node:net";
import type { Api } from "../api/calls.ts";
import { CliError } from "../exit-codes.ts";
import { CONNECT_CLIENTS_MAX, CONNECT_PORTS_MAX } from "../limits.ts";
import { bridge } from "./bridge.ts";
import { openWebSocket } from "./websocket.ts";

/**
 * The near agent: a port on this machine where gdb finds the stub of a session's machine. Each connection gets
 * a ticket and a WebSocket of its own, so gdb may detach and come again as often as it likes.
 */
export interface ConnectorOptions {
  readonly api: Api;
  readonly session: string;
  readonly host: string;
  /** The first port tried; 0 takes any. */
  readonly port: number;
  readonly signal: AbortSignal;
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
}

/**
 * Listens on `host` and bridges whatever connects.
 * @throws CliError where no port can be had
 */
export async function startConnector(options: ConnectorOptions): Promise<Connector> {
  const open = new Set<Promise<void>>();
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  let count = 0;
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    const connection = ++count;
    if (open.size >= CONNECT_CLIENTS_MAX) {
      socket.destroy();
      options.onEvent({ what: "refused", connection, words: `More than ${CONNECT_CLIENTS_MAX} debuggers at once.` });
      return;
    }
    const served = serve(options, socket, connection, signal).finally(() => open.delete(served));
    open.add(served);
  });
  const port = await listen(server, options.host, options.port);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all(open);
    },
  };
}

async function serve(options: ConnectorOptions, local: Socket, connection: number, signal: AbortSignal): Promise<void> {
  local.on("error", () => local.destroy());
  try {
    const remote = await openWebSocket(await options.api.ticket(options.session, "gdb"), signal);
    options.onEvent({ what: "connected", connection, words: undefined });
    const end = await bridge({ local, remote, signal });
    options.onEvent({ what: "closed", connection, words: end.words });
  } catch (cause) {
    local.destroy();
    options.onEvent({ what: "refused", connection, words: cause instanceof Error ? cause.message : String(cause) });
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
