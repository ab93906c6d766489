import type { CellLinkAnswer, CellLinkRequest } from "@ringside/shared";
import type { Copies } from "./copies.ts";
import type { Hibernation } from "./hibernation.ts";
import type { MachineHost } from "./machine-host.ts";
import type { Recordings } from "./recordings.ts";

/** What a cell's proxy may ask for: see cell-link.ts of @ringside/shared. */
export class CellErrands {
  readonly #host: MachineHost;
  readonly #hibernation: Hibernation;
  readonly #copies: Copies;
  readonly #recordings: Recordings;

  constructor(parts: {
    readonly host: MachineHost;
    readonly hibernation: Hibernation;
    readonly copies: Copies;
    readonly recordings: Recordings;
  }) {
    this.#host = parts.host;
    this.#hibernation = parts.hibernation;
    this.#copies = parts.copies;
    this.#recordings = parts.recordings;
  }

  /** @throws RingsideError */
  async perform(request: CellLinkRequest): Promise<CellLinkAnswer<CellLinkRequest["do"]>> {
    const { session } = request;
    switch (request.do) {
      case "hibernate":
        return { bytes: await this.#hibernation.hibernate(session, request.epoch, request.runOn) };
      case "wake":
        return this.#hibernation.wake(session, request.run);
      case "save":
        return this.#copies.save(session, request.epoch, request.name, request.runOn ?? true);
      case "fork":
        return { bytes: await this.#copies.fork({ ...request, runOn: request.runOn ?? true }) };
      case "forget":
        await this.#copies.forget(session, request.name);
        return {};
      case "list":
        return { states: [...(await this.#copies.list(session))] };
      case "finish":
        return this.#finish(session);
      case "nudge":
        return { nudged: await this.#nudge(session, request.epoch) };
      default:
        return request satisfies never;
    }
  }

  async #nudge(session: string, epoch: number): Promise<boolean> {
    const hosted = this.#host.of(session);
    const started = hosted?.running ?? null;
    if (hosted?.job.epoch !== epoch || started === null || started.recordingLog() === null) return false;
    return await started.nudge();
  }

  async #finish(session: string): Promise<CellLinkAnswer<"finish">> {
    for (const machine of this.#host.present) {
      if (machine.job.session !== session || !machine.job.record) continue;
      await machine.settled;
      await machine.end({ kind: "finished" });
    }
    return { recordings: [...(await this.#recordings.of(session))] };
  }
}
