import type { SealAnswer, SessionRecording } from "@ringside/shared";
import type { CellClient, Errand } from "../cells/client.ts";
import { RECORDINGS_PER_SUBMISSION_MAX } from "../limits.ts";
import type { RecordingStore } from "./recording-store.ts";

/** What did not arrive, for the audit. */
interface MissingRecording {
  readonly epoch: number;
  readonly what: "recording" | "template";
  readonly why: string;
}

export interface FetchedRecordings {
  readonly kept: readonly SessionRecording[];
  readonly missing: readonly MissingRecording[];
}

/**
 * Fetches a sealed session's replay logs and their templates. The trace is what is graded: a log that cannot be had
 * is noted as missing, and the submission goes on without it.
 */
export async function fetchRecordings(
  cells: CellClient,
  store: RecordingStore,
  errand: Errand,
  { recordings }: SealAnswer,
): Promise<FetchedRecordings> {
  const kept: SessionRecording[] = [];
  const missing: MissingRecording[] = [];
  const newest = recordings.toSorted((a, b) => b.epoch - a.epoch);
  for (const [index, recording] of newest.entries()) {
    const { epoch, template } = recording;
    if (index >= RECORDINGS_PER_SUBMISSION_MAX) {
      missing.push({ epoch, what: "recording", why: `only the last ${RECORDINGS_PER_SUBMISSION_MAX} are kept` });
      continue;
    }
    try {
      await store.putRecording(recording, await cells.downloadRecording(errand, epoch));
      kept.push(recording);
    } catch (error) {
      missing.push({ epoch, what: "recording", why: wordsOf(error) });
      continue;
    }
    try {
      await store.needTemplate(template, () => cells.downloadTemplate(errand, template));
    } catch (error) {
      missing.push({ epoch, what: "template", why: wordsOf(error) });
    }
  }
  return { kept, missing };
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
