import type { ConnectionRole, RingsideError } from "@ringside/shared";
import type { Transport } from "../client/transport.ts";
import { CONSOLE_UNSENT_BYTES_MAX } from "../limits.ts";

const WATCHING = "\r\n[ringside: you are watching; only the driver and instructors type]\r\n";

/** One who watches a console. What they are too slow for is dropped, with a note. */
export class ConsoleClient {
  readonly connection: number;
  readonly #transport: Transport;
  readonly #mayType: boolean;
  #dropped = 0;
  #told = false;

  constructor(connection: number, transport: Transport, role: ConnectionRole) {
    this.connection = connection;
    this.#transport = transport;
    this.#mayType = role !== "observer";
  }

  /** @param on what typed bytes and the end are given to */
  start(on: { readonly typed: (bytes: Buffer) => void; readonly left: (why: string) => void }): void {
    this.#transport.start({
      data: (bytes) => {
        if (this.#mayType) on.typed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        else this.#tellOnce();
      },
      drained: () => this.#tellDropped(),
      closed: (why) => on.left(why),
    });
  }

  output(bytes: Buffer): void {
    if (this.#dropped > 0 || this.#transport.unsentBytes + bytes.length > CONSOLE_UNSENT_BYTES_MAX) {
      this.#dropped += bytes.length;
      this.#tellDropped();
    } else {
      this.#transport.send(bytes);
    }
  }

  /** Stops or goes on taking what is typed. */
  readTyped(on: boolean): void {
    if (on) this.#transport.resume();
    else this.#transport.pause();
  }

  end(error: RingsideError): void {
    this.#transport.end(error);
  }

  #tellDropped(): void {
    if (this.#dropped === 0 || this.#transport.unsentBytes > 0) return;
    const note = `\r\n[ringside: ${this.#dropped} bytes were too fast for this connection]\r\n`;
    this.#dropped = 0;
    this.#transport.send(Buffer.from(note));
  }

  #tellOnce(): void {
    if (this.#told) return;
    this.#told = true;
    this.#transport.send(Buffer.from(WATCHING));
  }
}
