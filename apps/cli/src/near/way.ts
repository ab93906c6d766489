import type { Duplex } from "node:stream";
import type { ConnectionRole } from "@ringside/shared";
import type { Api } from "../api/calls.ts";
import { bridge } from "./bridge.ts";
import { NearFiles } from "./files/near-files.ts";
import { LinkUnknown } from "./link.ts";
import { isPassing, Links } from "./links.ts";
import { serveGdb } from "./served-gdb.ts";
import type { Verification } from "./verification.ts";
import { openWebSocket } from "./websocket.ts";

export interface WayOptions {
  readonly api: Api;
  readonly session: string;
  /** What the gdbs connect as; undefined for what fits the caller. */
  readonly role: ConnectionRole | undefined;
  /** Byte by byte, without a near agent. */
  readonly raw: boolean;
  readonly verification: Verification | null;
  /** The file that gdb debugs, for a gdb that was given none; undefined for none. A gdb waits until it is known. */
  readonly debug: string | undefined | Promise<string | undefined>;
  readonly signal: AbortSignal;
  /** A line for the person at the terminal. */
  readonly say: (line: string) => void;
}

/**
 * How gdbs get to a session's machine: by the near agent and its links or (`raw`, and where the cell is too old for
 * links) byte by byte over a WebSocket for each gdb.
 */
export class Way implements AsyncDisposable {
  readonly #options: WayOptions;
  readonly #links: Links;
  #kind: "link" | "raw";

  constructor(options: WayOptions) {
    this.#options = options;
    this.#links = new Links(options, options.signal);
    this.#kind = options.raw ? "raw" : "link";
  }

  /**
   * Opens a link before a gdb comes.
   * @returns what gives the round trip in ms, once it is known; null where there is no link, or none yet
   * @throws CliError where the cell refuses for good
   */
  async open(): Promise<() => Promise<number | null>> {
    const unknown = () => Promise.resolve(null);
    if (this.#kind === "raw") return unknown;
    try {
      const link = await this.#links.start();
      return () => link.roundTripMs();
    } catch (cause) {
      if (cause instanceof LinkUnknown) this.#fallBack();
      else if (cause instanceof Error && isPassing(cause)) this.#options.say(cause.message);
      else throw cause;
      return unknown;
    }
  }

  /**
   * Carries one gdb until it leaves.
   * @param connected is called once the cell has taken it
   * @returns why it ended, for people; undefined for an ordinary end
   * @throws CliError where the cell does not take it
   */
  async carry(local: Duplex, connected: () => void): Promise<string | undefined> {
    const { api, session, role, signal } = this.#options;
    if (this.#kind === "link") {
      try {
        return await this.#serve(local, connected);
      } catch (cause) {
        if (!(cause instanceof LinkUnknown)) throw cause;
        this.#fallBack();
      }
    }
    const remote = await openWebSocket(await api.ticket(session, "gdb", role), signal);
    connected();
    return (await bridge({ local, remote, signal })).words;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#links[Symbol.asyncDispose]();
  }

  async #serve(stream: Duplex, connected: () => void): Promise<string | undefined> {
    const { verification, signal, say } = this.#options;
    // gdb runs on this machine, too.
    const debug = await this.#options.debug;
    const kernel = debug === undefined ? null : { name: debug, path: debug };
    await using files = kernel && (await NearFiles.open({ kernel, programs: [], how: "local" }));
    return await serveGdb({ stream, links: this.#links, verification, signal, say, connected, files });
  }

  #fallBack(): void {
    if (this.#kind === "raw") return;
    this.#kind = "raw";
    this.#options.say("This server is older than this program: each command of gdb goes to it and back.");
  }
}
