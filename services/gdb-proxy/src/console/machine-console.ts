import { createConnection, type Socket } from "node:net";
import { type ConnectionRole, RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import type { Transport } from "../client/transport.ts";
import {
  CONSOLE_CLIENTS_MAX,
  CONSOLE_INPUT_BYTES_MAX,
  CONSOLE_RECONNECT_MS,
  CONSOLE_RECONNECTS_MAX,
} from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import { ConsoleClient } from "./console-client.ts";
import { ConsoleLog } from "./console-log.ts";
import { Gatherer } from "./gatherer.ts";
import { ConsoleRing } from "./ring.ts";

export interface MachineConsoleOptions {
  readonly socketPath: string;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** What the guest wrote before this process could read it. */
  readonly start: Buffer;
  /** Whether that is in the trace already. */
  readonly startIs: "new" | "recorded";
  /** The console is closed for good: the machine has ended. */
  readonly ended: () => void;
}

/**
 * A machine's ttyS0. It is drained from the moment the machine is found, whoever watches: an undrained serial
 * line can stall QEMU's monitor. Recorded, then kept in a ring, then sent to those who watch.
 */
export class MachineConsole {
  readonly #options: MachineConsoleOptions;
  readonly #log: ConsoleLog;
  readonly #ring = new ConsoleRing();
  readonly #gatherer = new Gatherer((bytes) => this.#output(bytes));
  readonly #clients = new Set<ConsoleClient>();
  #socket: Socket;
  #reconnects = 0;
  #retry: NodeJS.Timeout | null = null;
  #state: "open" | "closed" = "open";
  #typing: "taken" | "held" = "taken";

  constructor(options: MachineConsoleOptions) {
    this.#options = options;
    this.#log = new ConsoleLog(options.recorder, options.log, () => performance.now());
    if (options.startIs === "new") this.#log.output(options.start);
    this.#ring.push(options.start);
    this.#socket = this.#connect();
  }

  /** @throws RingsideError rate_limited where too many watch, and what recording throws */
  attach(transport: Transport, who: { readonly user: string; readonly role: ConnectionRole }): void {
    if (this.#state === "closed") throw new RingsideError("machine_gone");
    if (this.#clients.size >= CONSOLE_CLIENTS_MAX) {
      throw new RingsideError("rate_limited", { message: `At most ${CONSOLE_CLIENTS_MAX} may watch a console` });
    }
    const { recorder } = this.#options;
    const connection = recorder.nextConnection();
    recorder.append({ type: "connection.opened", connection, kind: "console", via: transport.via, ...who });
    const client = new ConsoleClient(connection, transport, who.role);
    this.#clients.add(client);
    client.start({ typed: (bytes) => this.#typed(client, bytes), left: (why) => this.#left(client, why) });
    if (this.#ring.bytes > 0) client.output(this.#ring.replay());
    if (this.#typing === "held") client.readTyped(false);
  }

  endClients(error: RingsideError): void {
    this.#gatherer.flush();
    for (const client of this.#clients) client.end(error);
  }

  /** Ends everything; all that is to be recorded is recorded when this returns. */
  finish(error: RingsideError): void {
    this.#gatherer.flush();
    for (const client of this.#clients) {
      client.end(error);
      this.#left(client, error.code);
    }
    this.close();
  }

  close(): void {
    this.#gatherer.flush();
    this.#state = "closed";
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#log.flush();
    this.#socket.destroy();
  }

  #connect(): Socket {
    const socket = createConnection(this.#options.socketPath);
    socket.on("data", (bytes) => {
      if (this.#state === "open") this.#gatherer.push(bytes);
    });
    socket.on("drain", () => this.#holdTyping("taken"));
    let nobodyListens = false;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      nobodyListens = error.code === "ECONNREFUSED" || error.code === "ENOENT";
      this.#options.log.debug({ err: error }, "the console's socket");
    });
    socket.on("close", () => this.#closed(nobodyListens));
    return socket;
  }

  /** QEMU listens as long as it lives. */
  #closed(nobodyListens: boolean): void {
    if (this.#state === "closed") return;
    this.#gatherer.flush();
    this.#reconnects += 1;
    if (nobodyListens || this.#reconnects > CONSOLE_RECONNECTS_MAX) {
      this.#options.ended();
      return;
    }
    this.#retry = setTimeout(() => {
      this.#socket = this.#connect();
      this.#holdTyping("taken");
    }, CONSOLE_RECONNECT_MS);
  }

  #output(bytes: Buffer): void {
    this.#reconnects = 0;
    this.#log.output(bytes);
    this.#ring.push(bytes);
    for (const client of this.#clients) client.output(bytes);
  }

  #typed(client: ConsoleClient, bytes: Buffer): void {
    try {
      this.#options.recorder.append({
        type: "console.input",
        connection: client.connection,
        data: bytes.toString("latin1"),
      });
    } catch (cause) {
      client.end(cause instanceof RingsideError ? cause : new RingsideError("internal", { cause }));
      return;
    }
    this.#socket.write(bytes);
    if (this.#socket.writableLength > CONSOLE_INPUT_BYTES_MAX) this.#holdTyping("held");
  }

  #holdTyping(typing: "taken" | "held"): void {
    if (this.#typing === typing) return;
    this.#typing = typing;
    for (const client of this.#clients) client.readTyped(typing === "taken");
  }

  #left(client: ConsoleClient, why: string): void {
    if (!this.#clients.delete(client)) return;
    try {
      this.#options.recorder.append({ type: "connection.closed", connection: client.connection, why });
    } catch (error) {
      this.#options.log.warn({ err: error, connection: client.connection }, "the end of a connection was not recorded");
    }
  }
}
