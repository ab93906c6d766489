import type { MachineErrand, MachineErrandAnswer } from "@ringside/shared";
import { RingsideError } from "@ringside/shared";
import type { Logger } from "pino";
import { ERRANDS_WAITING_MAX, IDLE_SLEEPS_MAX, WAKE_MS } from "../limits.ts";
import type { Metrics } from "../metrics.ts";
import type { CellLink } from "./cell-link.ts";
import type { ServedSession } from "./served-session.ts";
import type { Sessions } from "./sessions.ts";
import { Turns } from "./turns.ts";

export interface MachineErrandsOptions {
  readonly sessions: Sessions;
  readonly link: CellLink;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Looks for machines now, so that one that has just come is served. */
  readonly freshen: (session: string) => Promise<void>;
}

/** What is done to machines beside debugging them. Of one session one thing is done at a time. */
export class MachineErrands {
  readonly #options: MachineErrandsOptions;
  readonly #turns = new Turns(ERRANDS_WAITING_MAX);
  readonly #wanted = new Set<string>();
  #fallingAsleep = 0;

  constructor(options: MachineErrandsOptions) {
    this.#options = options;
  }

  /** @throws RingsideError what the runner answers; conflict for what a recorded machine cannot do */
  async perform(session: string, errand: MachineErrand): Promise<MachineErrandAnswer> {
    const { link } = this.#options;
    switch (errand.do) {
      case "list":
        return { states: [...(await link.ask({ do: "list", session })).states] };
      case "forget":
        await link.ask({ do: "forget", session, name: errand.name });
        return {};
      case "wake":
        await this.awake(session);
        return {};
      default:
        return this.#turns.take(session, () => this.#alone(session, errand));
    }
  }

  /**
   * The session with its machine awake, for a connection: one that sleeps is woken, and waited for.
   * @throws RingsideError session_not_ready, machine_gone, state_damaged, no_capacity, cell_unreachable, timeout
   */
  async awake(session: string): Promise<ServedSession> {
    const { sessions, freshen } = this.#options;
    await freshen(session);
    if (sessions.canServe(session)) return sessions.get(session);
    const overdue = AbortSignal.timeout(WAKE_MS);
    await new Promise<void>((resolve, reject) => {
      overdue.addEventListener("abort", () => reject(new RingsideError("timeout")), { once: true });
      this.#turns.take(session, () => this.#wake(session)).then(resolve, reject);
    });
    return sessions.get(session);
  }

  /** A client has sent something to a machine that sleeps. Returns at once. */
  wanted(session: string): void {
    if (this.#wanted.has(session)) return;
    this.#wanted.add(session);
    this.awake(session)
      .catch((cause: unknown) => {
        const error = cause instanceof RingsideError ? cause : new RingsideError("internal", { cause });
        this.#options.log.warn({ err: error, session }, "a machine does not wake");
        this.#options.sessions.find(session)?.machine?.wakeFailed(error);
      })
      .finally(() => this.#wanted.delete(session));
  }

  /** Puts machines to sleep that nobody has used for as long as their lab says. Returns at once. */
  hibernateIdle(): void {
    const { sessions, log } = this.#options;
    const nowMs = performance.now();
    for (const session of sessions.idle(nowMs)) {
      if (this.#fallingAsleep >= IDLE_SLEEPS_MAX) return;
      this.#fallingAsleep += 1;
      // Also where it goes well: it shall not be asked for again before that shows.
      sessions.find(session)?.machine?.idleLater(nowMs);
      this.perform(session, { do: "hibernate" })
        .catch((error: unknown) => log.warn({ err: error, session }, "an idle machine could not hibernate"))
        .finally(() => {
          this.#fallingAsleep -= 1;
        });
    }
  }

  async #alone(
    session: string,
    errand: Extract<MachineErrand, { do: "hibernate" | "pause" | "resume" | "save" | "fork" }>,
  ): Promise<MachineErrandAnswer> {
    const { sessions, link, freshen } = this.#options;
    await freshen(session);
    if (errand.do === "hibernate") return this.#hibernate(session);
    const machine = sessions.find(session)?.machine;
    // Checkpoints and what sleeps are copied as they stand on disk.
    if (errand.do === "fork" && (errand.name !== null || machine?.state === "asleep")) {
      return link.ask({ ...errand, session, epoch: machine?.file.epoch ?? 1 });
    }
    if (!sessions.canServe(session)) await this.#wake(session);
    const served = sessions.get(session);
    const { hub, file } = served.served();
    switch (errand.do) {
      case "pause":
        await hub.pause();
        return { paused: true };
      case "resume":
        hub.resume();
        return { paused: false };
      case "save": {
        mustNotRecord(file.recording, "saved");
        const saved = await served.whileStill(errand.name, (epoch, runOn) =>
          link.ask({ ...errand, session, epoch, runOn }),
        );
        return { bytes: saved.bytes, states: [saved] };
      }
      case "fork":
        mustNotRecord(file.recording, "copied");
        return served.whileStill(errand.into, (epoch, runOn) => link.ask({ ...errand, session, epoch, runOn }));
      default:
        return errand satisfies never;
    }
  }

  async #hibernate(session: string): Promise<MachineErrandAnswer> {
    const { sessions, link } = this.#options;
    const served = sessions.get(session);
    const machine = served.served();
    mustNotRecord(machine.file.recording, "hibernated");
    if (machine.state === "asleep") return {};
    const bytes = await served.hibernate((epoch, runOn) => link.ask({ do: "hibernate", session, epoch, runOn }));
    return { bytes };
  }

  async #wake(session: string): Promise<void> {
    const { sessions, link, freshen, metrics } = this.#options;
    if (sessions.canServe(session)) return;
    const served = sessions.find(session);
    const begun = performance.now();
    try {
      await link.ask({ do: "wake", session, run: served?.machine?.wakesAs() ?? "as-before" });
    } catch (error) {
      // It was here and has ended, or is being started: the runner knows no more than that.
      if (served?.machine === null && isNoNews(error)) throw new RingsideError("machine_gone");
      throw error;
    }
    await freshen(session);
    if (!sessions.canServe(session)) throw new RingsideError("machine_gone");
    metrics.wakes.observe((performance.now() - begun) / 1_000);
  }
}

const isNoNews = (error: unknown): boolean =>
  error instanceof RingsideError && (error.code === "session_not_ready" || error.code === "cell_unreachable");

/** QEMU ends where it is told to save a machine that it records. */
function mustNotRecord(recording: boolean, done: string): void {
  if (!recording) return;
  throw new RingsideError("conflict", {
    message: `This lab's machines are recorded for a replay, and a recorded machine cannot be ${done}`,
  });
}
