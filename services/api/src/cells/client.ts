import {
  type MachineErrand,
  type MachineErrandAnswer,
  machineErrandAnswerSchema,
  PROXY_PATHS,
  type SealAnswer,
  sealAnswerSchema,
  type TcpEntry,
  type TicketKind,
  tcpEntrySchema,
} from "@ringside/shared";
import {
  CELL_REQUEST_TIMEOUT_MS,
  MACHINE_ERRAND_TIMEOUT_MS,
  RECORDING_DOWNLOAD_TIMEOUT_MS,
  TEMPLATE_DOWNLOAD_TIMEOUT_MS,
  TRACE_DOWNLOAD_TIMEOUT_MS,
} from "../limits.ts";
import { errorOf, readJson, unreachable } from "./answers.ts";
import type { CellDirectory } from "./directory.ts";
import type { TicketSigner } from "./tickets.ts";

/**
 * The api's own errands to a cell's gdb-proxy. Each takes a fresh ticket, has a deadline and a cap on what it
 * reads, and follows no redirect. A cell's own error passes through where its code says something to a client.
 */
export interface Errand {
  readonly session: string;
  readonly cell: string;
  /** On whose behalf. */
  readonly user: string;
  readonly signal: AbortSignal;
}

/** In whose role the cell is asked. */
export type ServiceRole = "driver" | "instructor";

interface Asked {
  readonly kind: TicketKind;
  readonly path: string;
  readonly timeoutMs: number;
  readonly method: "GET" | "POST";
  readonly body?: unknown;
  readonly role?: ServiceRole;
}

export class CellClient {
  readonly #directory: CellDirectory;
  readonly #tickets: TicketSigner;

  constructor(directory: CellDirectory, tickets: TicketSigner) {
    this.#directory = directory;
    this.#tickets = tickets;
  }

  /** Ends the recording. Sealing again answers the same. */
  async seal(errand: Errand): Promise<SealAnswer> {
    const path = PROXY_PATHS.seal(errand.session);
    const asked = { kind: "seal", path, method: "POST", timeoutMs: MACHINE_ERRAND_TIMEOUT_MS } as const;
    return readJson(sealAnswerSchema, await this.#send(errand, asked));
  }

  /** Has something done to the machine. */
  async machine(errand: Errand, role: ServiceRole, body: MachineErrand): Promise<MachineErrandAnswer> {
    const path = PROXY_PATHS.machine(errand.session);
    const asked = { kind: "machine", path, method: "POST", body, role, timeoutMs: MACHINE_ERRAND_TIMEOUT_MS } as const;
    return readJson(machineErrandAnswerSchema, await this.#send(errand, asked));
  }

  /** Opens a TCP port for one gdb from `source`. */
  async openTcpEntry(errand: Errand, role: ServiceRole, source: string): Promise<TcpEntry> {
    const path = PROXY_PATHS.tcpEntry(errand.session);
    const body = { source };
    const asked = { kind: "tcp-entry", path, method: "POST", body, role, timeoutMs: CELL_REQUEST_TIMEOUT_MS } as const;
    return readJson(tcpEntrySchema, await this.#send(errand, asked));
  }

  /** The trace as it comes; whoever reads it counts the bytes. */
  async downloadTrace(errand: Errand): Promise<ReadableStream<Uint8Array>> {
    return this.#download(errand, PROXY_PATHS.trace(errand.session), TRACE_DOWNLOAD_TIMEOUT_MS);
  }

  /** The replay log of one epoch, in the same way. */
  async downloadRecording(errand: Errand, epoch: number): Promise<ReadableStream<Uint8Array>> {
    return this.#download(errand, PROXY_PATHS.recording(errand.session, epoch), RECORDING_DOWNLOAD_TIMEOUT_MS);
  }

  /** A template as an archive, in the same way. */
  async downloadTemplate(errand: Errand, contents: string): Promise<ReadableStream<Uint8Array>> {
    return this.#download(errand, PROXY_PATHS.template(errand.session, contents), TEMPLATE_DOWNLOAD_TIMEOUT_MS);
  }

  async #download(errand: Errand, path: string, timeoutMs: number): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#send(errand, { kind: "trace", path, method: "GET", timeoutMs });
    if (body === null) {
      throw unreachable(new Error("the cell answered without a body"));
    }
    return body;
  }

  async #send(errand: Errand, { kind, path, method, body, role = "driver", timeoutMs }: Asked): Promise<Response> {
    const { cell, session, user } = errand;
    const proxy = await this.#directory.proxyOf(cell);
    const ticket = await this.#tickets.sign({ user, session, cell, kind, role });
    let response: Response;
    try {
      response = await fetch(proxy.internalUrl + path, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        headers: {
          authorization: `Bearer ${ticket.jwt}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        redirect: "error",
        signal: AbortSignal.any([errand.signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (cause) {
      throw unreachable(cause);
    }
    if (!response.ok) {
      throw await errorOf(response);
    }
    return response;
  }
}
