import type { RingsideError } from "@ringside/shared";
import type { NearLink } from "../link/near-link.ts";

/**
 * The links of near agents by session. One may be open while no gdb is attached and while its machine sleeps, and
 * outlives resets; it ends with the session's recording, and with this process.
 */
export class Links {
  readonly #open = new Map<string, Set<NearLink>>();

  add(session: string, link: NearLink): void {
    const links = this.#open.get(session) ?? new Set();
    this.#open.set(session, links.add(link));
  }

  remove(session: string, link: NearLink): void {
    const links = this.#open.get(session);
    links?.delete(link);
    if (links?.size === 0) this.#open.delete(session);
  }

  end(session: string, error: RingsideError): void {
    for (const link of this.#open.get(session) ?? []) link.end(error);
  }

  endAll(error: RingsideError): void {
    for (const session of this.#open.keys()) this.end(session, error);
  }
}
