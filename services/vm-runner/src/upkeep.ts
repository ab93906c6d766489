import { openState, type TemplateStore } from "@ringside/emulator";
import type { Logger } from "pino";
import type { Recordings } from "./recordings.ts";
import type { SavedStates } from "./saved-states.ts";

export interface SweepOptions {
  readonly states: SavedStates;
  readonly recordings: Recordings;
  readonly templates: TemplateStore;
  readonly log: Logger;
}

/** Removes states and recordings that are too old, and templates that none of the others and no image needs. */
export async function sweep({ states, recordings, templates, log }: SweepOptions): Promise<void> {
  const needed = new Set(await recordings.sweep());
  for (const file of await states.sweep()) {
    const opened = await openState(file).catch(() => null); // a damaged one needs nothing
    if (opened !== null) needed.add(opened.header.template);
  }
  const templatesRemoved = await templates.collectGarbage(needed);
  if (templatesRemoved > 0) log.info({ templatesRemoved }, "templates that nobody needs were removed");
}
