import { type AnswerKind, answerKind, type Request, requestOf } from "./packets.ts";

/**
 * Pairs each packet of one Connection with its answer. gdb sends a packet only after the last one's answer,
 * so normally one is waiting; where a client sent several, answers come in order. A packet whose answer was
 * not recorded (the recorder died, the client left) ends as `none`.
 *
 * `alone` is true where no other packet was under way: only then is it sure which packet an answer is for,
 * which matters to what must not be hidden (writes).
 */
export interface Exchange {
  readonly request: Request;
  /** Event number of the packet. */
  readonly event: number;
  readonly t: number;
  readonly answer: AnswerKind | "refused" | "none";
  /** The answer's payload where it is data; else null. */
  readonly data: string | null;
  readonly alone: boolean;
}

interface Waiting {
  readonly request: Request;
  readonly event: number;
  readonly t: number;
  alone: boolean;
  refused: boolean;
}

/** So many packets under way are more than any gdb sends. */
const WAITING_MAX = 1_000;

export class Exchanges {
  #waiting: Waiting[] = [];

  /** A packet; gives the exchanges that end without an answer by it. */
  packet(event: number, t: number, data: string): readonly Exchange[] {
    const last = this.#waiting.at(-1);
    const ended: Exchange[] = [];
    // A refusal's empty answer need not be recorded.
    if (last?.refused) ended.push(...this.#waiting.splice(-1).map(refused));
    if (this.#waiting.length === WAITING_MAX) ended.push(...this.#waiting.splice(0, 1).map(unanswered));
    for (const waiting of this.#waiting) waiting.alone = false;
    this.#waiting.push({ request: requestOf(data), event, t, alone: this.#waiting.length === 0, refused: false });
    return ended;
  }

  /** The last packet was not let through. */
  refuse(): void {
    const last = this.#waiting.at(-1);
    if (last !== undefined) last.refused = true;
  }

  /** An answer; gives the exchanges that end by it. */
  reply(data: string): readonly Exchange[] {
    const answer = answerKind(data);
    const ended: Exchange[] = [];
    // A resume is answered by a stop or an error: anything else is for what came after it.
    if (answer === "ok" || answer === "data") ended.push(...this.#resumes().map(unanswered));
    const first = this.#waiting[0];
    if (first === undefined || answer === "output") return ended;
    // The machine stopped by itself while gdb was asking for something else.
    if (answer === "stop" && first.request.kind !== "resume") return ended;
    this.#waiting.shift();
    ended.push(first.refused ? refused(first) : { ...exchange(first), answer, data: answer === "data" ? data : null });
    return ended;
  }

  #resumes(): readonly Waiting[] {
    const other = this.#waiting.findIndex(({ request }) => request.kind !== "resume");
    return this.#waiting.splice(0, other === -1 ? this.#waiting.length : other);
  }

  /** The machine stopped, which answers a resume, whether or not that answer is recorded besides. */
  stopped(): readonly Exchange[] {
    return this.#waiting[0]?.request.kind === "resume" ? this.reply("T05") : [];
  }

  /** The connection is over, or the trace is. */
  end(): readonly Exchange[] {
    return this.#waiting.splice(0).map((waiting) => (waiting.refused ? refused(waiting) : unanswered(waiting)));
  }
}

const exchange = ({ request, event, t, alone }: Waiting) => ({ request, event, t, alone, data: null });
const refused = (waiting: Waiting): Exchange => ({ ...exchange(waiting), answer: "refused" });
const unanswered = (waiting: Waiting): Exchange => ({ ...exchange(waiting), answer: "none" });
