import { Agent, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import {
  CELL_LINK_PATH,
  CELL_LINK_SOCKET,
  type CellLinkAnswer,
  type CellLinkRequest,
  cellLinkAnswers,
  errorBodySchema,
  RingsideError,
} from "@ringside/shared";
import { CELL_LINK_ANSWER_BYTES_MAX, CELL_LINK_MS, CELL_LINK_SOCKETS_MAX } from "../limits.ts";

type Asked<D extends CellLinkRequest["do"]> = Extract<CellLinkRequest, { do: D }>;

const unreachable = (cause: unknown) =>
  new RingsideError("cell_unreachable", {
    message: "The part of this cell that runs machines does not answer: try again soon",
    retryAfterSeconds: 5,
    cause,
  });

/** Asks the cell's runner: HTTP over `<run>/cell.sock`, as packages/shared/src/cell-link.ts says. */
export class CellLink implements Disposable {
  readonly #socketPath: string;
  readonly #deadlineMs: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CELL_LINK_SOCKETS_MAX });

  constructor(runDirectory: string, deadlineMs = CELL_LINK_MS) {
    this.#socketPath = join(runDirectory, CELL_LINK_SOCKET);
    this.#deadlineMs = deadlineMs;
  }

  /**
   * @throws RingsideError what the runner answered; cell_unreachable where it does not, or not in time: then it is
   * not known whether the request was carried out
   */
  async ask<D extends CellLinkRequest["do"]>(
    asked: Asked<D>,
    deadlineMs = this.#deadlineMs,
  ): Promise<CellLinkAnswer<D>> {
    const { status, retryAfter, text } = await this.#post(JSON.stringify(asked), deadlineMs);
    const body = parsed(text);
    if (status === 200) {
      const answer = cellLinkAnswers[asked.do].safeParse(body);
      if (!answer.success) throw new RingsideError("internal", { cause: answer.error });
      return answer.data as CellLinkAnswer<D>;
    }
    const error = errorBodySchema.safeParse(body);
    if (!error.success) throw unreachable(new Error(`the runner answered ${status}`));
    const { code, message, details } = error.data;
    throw new RingsideError(code, {
      message,
      ...(details === undefined ? {} : { details }),
      ...(retryAfter === null ? {} : { retryAfterSeconds: retryAfter }),
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  async #post(body: string, deadlineMs: number): Promise<Answer> {
    try {
      return await new Promise<Answer>((resolve, reject) => {
        const sent = request({
          socketPath: this.#socketPath,
          agent: this.#agent,
          method: "POST",
          path: CELL_LINK_PATH,
          headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) },
          signal: AbortSignal.timeout(deadlineMs),
        });
        sent.once("error", reject);
        sent.once("response", (response) => read(response).then(resolve, reject));
        sent.end(body);
      });
    } catch (cause) {
      throw unreachable(cause);
    }
  }
}

interface Answer {
  readonly status: number;
  readonly retryAfter: number | null;
  readonly text: string;
}

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > CELL_LINK_ANSWER_BYTES_MAX) throw new Error("the runner's answer is too long");
    chunks.push(chunk);
  }
  const seconds = Number(response.headers["retry-after"] ?? Number.NaN);
  return {
    status: response.statusCode ?? 0,
    retryAfter: Number.isFinite(seconds) ? seconds : null,
    text: Buffer.concat(chunks).toString("utf8"),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
