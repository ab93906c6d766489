import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectionRole, RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import type { Transport } from "../client/transport.ts";
import { CONSOLE_CLIENTS_MAX, CONSOLE_RECONNECT_MS, CONSOLE_RECONNECTS_MAX } from "../limits.ts";
import type { Recorder } from "../record/recorder.ts";
import { ConsoleClient } from "./console-client.ts";
import { type ConsoleLine, type ConsolePlace, openConsole } from "./console-line.ts";
import { ConsoleLog } from "./console-log.ts";
import { Gatherer } from "./gatherer.ts";
import { Keyboard } from "./keyboard.ts";
import { ConsoleRing } from "./ring.ts";

export interface MachineConsoleOptions {
  readonly place: ConsolePlace;
  readonly recorder: Recorder;
  readonly log: Logger;
  /** What the guest wrote before this process could read it. */
  readonly start: Buffer;
  /** Whether that is in the trace already. */
  readonly startIs: "new" | "recorded";
  /** QEMU records the machine: what is typed is paced. */
  readonly recording: boolean;
  readonly guestMayRun: () => boolean;
  /** Said to who comes before the guest has written anything; null: nothing. */
  readonly beforeOutput: string | null;
  /** The console is closed for good: the machine has ended. */
  readonly ended: () => void;
  /** Somebody types to a machine that sleeps: rejoin() or endClients() follow. */
  readonly wakeMachine: () => void;
  /** Something was typed, and QEMU records the machine: it shall look. Returns at once. */
  readonly nudge: () => void;
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
  readonly #keyboard: Keyboard;
  #line: ConsoleLine;
  #place: ConsolePlace;
  #reconnects = 0;
  #retry: NodeJS.Timeout | null = null;
  #state: "open" | "asleep" | "closed" = "open";
  #typing: "taken" | "held" = "taken";

  constructor(options: MachineConsoleOptions) {
    this.#options = options;
    this.#place = options.place;
    this.#keyboard = new Keyboard({
      paced: options.recording,
      guestMayRun: options.guestMayRun,
      drained: () => this.#holdTyping("taken"),
      nudge: options.nudge,
    });
    this.#log = new ConsoleLog(options.recorder, options.log, () => performance.now());
    if (options.startIs === "new") this.#log.output(options.start);
    this.#ring.push(options.start);
    this.#line = this.#connect();
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
    const { beforeOutput } = this.#options;
    if (this.#ring.bytes > 0) client.output(this.#ring.replay());
    else if (beforeOutput !== null) client.output(ownLine(beforeOutput));
    if (this.#typing === "held") client.readTyped(false);
  }

  get hasClients(): boolean {
    return this.#clients.size > 0;
  }

  /** Lets go of the socket of a machine that falls asleep; clients stay, and what they type is kept. */
  suspend(): void {
    if (this.#state !== "open") return;
    this.#letGo();
    this.#state = "asleep";
  }

  /** The machine is awake again. */
  rejoin(place: ConsolePlace): void {
    if (this.#state !== "asleep") return;
    this.#state = "open";
    this.#place = place;
    this.#reconnects = 0;
    this.#line = this.#connect();
  }

  /** A line of the cell's own for those who watch; it is no output of the guest, and not recorded as such. */
  announce(text: string): void {
    this.#gatherer.flush();
    const line = ownLine(text);
    for (const client of this.#clients) client.output(line);
  }

  /**
   * Types in the name of a connection that is not the console's own.
   * @param text one character per byte
   * @throws RingsideError rate_limited where the guest has not taken enough of what was typed before, and what
   *   recording throws
   */
  type(connection: number, text: string): void {
    if (this.#keyboard.isFull) throw new RingsideError("rate_limited");
    this.#options.recorder.append({ type: "console.input", connection, data: text });
    this.#keyboard.type(Buffer.from(text, "latin1"));
    if (this.#keyboard.isFull) this.#holdTyping("held");
    if (this.#state === "asleep") this.#options.wakeMachine();
  }

  endClients(error: RingsideError): void {
    this.#gatherer.flush();
    for (const client of this.#clients) client.end(error);
  }

  /** Waits until the machine has closed its end: what it wrote before is here then. No longer than `ms`. */
  async silent(ms: number): Promise<void> {
    const { output } = this.#line;
    if (output.closed) return;
    const closed = new Promise((resolve) => output.once("close", resolve));
    await Promise.race([closed, sleep(ms, undefined, { ref: false })]);
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
    this.#letGo();
    this.#state = "closed";
    this.#log.flush();
  }

  #letGo(): void {
    this.#gatherer.flush();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#keyboard.disconnect();
    this.#line.output.destroy();
    this.#line.input.destroy();
  }

  #connect(): ConsoleLine {
    const line = openConsole(this.#place);
    line.output.on("data", (bytes) => {
      if (this.#state !== "open") return;
      this.#gatherer.push(bytes);
      this.#keyboard.heard(bytes.length);
    });
    line.input.on("drain", () => this.#holdTyping("taken"));
    let nobodyListens = false;
    const failed = (error: NodeJS.ErrnoException) => {
      nobodyListens = ["ECONNREFUSED", "ENOENT", "ENXIO"].includes(error.code ?? "");
      this.#options.log.debug({ err: error }, "the console's line");
    };
    line.output.on("error", failed);
    if (line.input !== line.output) line.input.on("error", failed);
    line.output.on("close", () => {
      if (this.#line === line) this.#closed(nobodyListens);
    });
    this.#keyboard.connect(line.input);
    return line;
  }

  /** QEMU listens as long as it lives. */
  #closed(nobodyListens: boolean): void {
    if (this.#state !== "open") return;
    this.#gatherer.flush();
    this.#keyboard.disconnect();
    this.#reconnects += 1;
    if (nobodyListens || this.#reconnects > CONSOLE_RECONNECTS_MAX) {
      this.#options.ended();
      return;
    }
    this.#retry = setTimeout(() => {
      this.#line.input.destroy();
      this.#line = this.#connect();
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
    this.#keyboard.type(bytes);
    if (this.#keyboard.isFull) this.#holdTyping("held");
    if (this.#state === "asleep") this.#options.wakeMachine();
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

const ownLine = (text: string): Buffer => Buffer.from(`\r\n[ringside] ${text}\r\n`, "utf8");
