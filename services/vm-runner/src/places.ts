import {
  type Confinement,
  type GroupLimits,
  JAIL_USER_ID_MIN,
  type MachineGroup,
  type MachineGroups,
  type MachinePlace,
  preparePlace,
} from "@ringside/emulator";
import { type MachineFile, newId } from "@ringside/shared";
import type { Logger } from "pino";
import type { RunDirectory } from "./run-directory.ts";
import type { Users } from "./users.ts";

/** How the processes of a user number are confined: see Users. */
export function confinementOf(user: number, insecureNoJail: boolean): Confinement {
  if (insecureNoJail) return { kind: "none" };
  return { kind: "jail", userId: process.getuid?.() === 0 ? JAIL_USER_ID_MIN + user : undefined };
}

export interface PlacesOptions {
  readonly directory: RunDirectory;
  readonly users: Users;
  readonly groups: MachineGroups;
  readonly insecureNoJail: boolean;
  readonly log: Logger;
}

/** What one machine of ours has on this host from before its process to after it: name, folder, user, group. */
export interface OwnPlace extends MachinePlace {
  readonly group: MachineGroup;
  /** QEMU's process id, once it is known. */
  pid: number | null;
  /** Shows the machine to the proxy. */
  show(file: MachineFile): Promise<void>;
  /** Takes it out of the proxy's sight. */
  hide(): Promise<void>;
  /** Removes all of it. Its process is gone. What cannot be removed is left to the reaper. */
  remove(): Promise<void>;
}

/** The places of all machines of this runner, those of the pool included. */
export class Places {
  readonly #options: PlacesOptions;
  /** By name; null while it is being made. */
  readonly #all = new Map<string, OwnPlace | null>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  /** True for the name of a machine that is here. */
  has(name: string): boolean {
    return this.#all.has(name);
  }

  all(): readonly OwnPlace[] {
    return [...this.#all.values()].filter((place) => place !== null);
  }

  /**
   * Makes a place for a new machine, in the pool's folder.
   * @throws RingsideError `internal`, and what a full disk throws
   */
  async make(limits: GroupLimits): Promise<OwnPlace> {
    const { directory, users, groups, insecureNoJail } = this.#options;
    const name = newId("mch");
    const user = users.take();
    let where: "pool" | "shown" = "pool";
    let group: MachineGroup | null = null;
    let removing: Promise<void> | null = null;
    const remove = (): Promise<void> => {
      removing ??= this.#remove(name, user, group);
      return removing;
    };
    this.#all.set(name, null);
    try {
      group = await groups.create(name, limits);
      const place: OwnPlace = {
        ...{ name, group, remove, pid: null },
        confinement: confinementOf(user, insecureNoJail),
        get folder() {
          return where === "pool" ? directory.poolPath(name) : directory.shownPath(name);
        },
        async show(file) {
          await directory.show(name, file);
          where = "shown";
        },
        async hide() {
          if (where === "pool") return;
          await directory.hide(name);
          where = "pool";
        },
      };
      this.#all.set(name, place);
      await preparePlace(place);
      return place;
    } catch (error) {
      await remove();
      throw error;
    }
  }

  async #remove(name: string, user: number, group: MachineGroup | null): Promise<void> {
    const { directory, users, log } = this.#options;
    try {
      await directory.remove(name);
      await group?.remove();
      users.giveBack(user);
    } catch (error) {
      // Its user id is not given to others: a process may still have it.
      log.error({ error, machine: name }, "not all of a machine could be removed: the reaper will");
    }
    this.#all.delete(name);
  }
}
