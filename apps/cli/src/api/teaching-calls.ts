import {
  type GradeChange,
  labProgressSchema,
  overrideListSchema,
  regradeChangesSchema,
  regradeSchema,
  submissionSchema,
  timelineSchema,
} from "@ringside/shared";
import { REGRADE_PAGES_MAX } from "../limits.ts";
import { type ApiOptions, callApi } from "./client.ts";

/** What instructors do with a lab's sessions and grades. */
export function teachingCalls(options: ApiOptions) {
  const atLab = (course: string, lab: string, rest: string) =>
    `/v1/courses/${encodeURIComponent(course)}/labs/${encodeURIComponent(lab)}${rest}`;
  const atSubmission = (id: string, rest = "") => `/v1/submissions/${encodeURIComponent(id)}/overrides${rest}`;
  const regrades = (course: string, lab: string, rest = "") => atLab(course, lab, `/regrades${rest}`);
  return {
    overrides: (submission: string) =>
      callApi(options, { method: "GET", path: atSubmission(submission) }, overrideListSchema),
    setOverride: (submission: string, check: string, body: { readonly points: number; readonly reason: string }) =>
      callApi(
        options,
        { method: "PUT", path: atSubmission(submission, `/${encodeURIComponent(check)}`), body },
        submissionSchema,
      ),
    removeOverride: (submission: string, check: string) =>
      callApi(
        options,
        { method: "DELETE", path: atSubmission(submission, `/${encodeURIComponent(check)}`) },
        submissionSchema,
      ),
    startRegrade: (course: string, lab: string, body: { readonly rubric?: string; readonly file?: string }) =>
      callApi(options, { method: "POST", path: regrades(course, lab), body }, regradeSchema),
    regrade: (course: string, lab: string, id: string, waitMs = 0) =>
      callApi(
        options,
        { method: "GET", path: regrades(course, lab, `/${id}`), query: { wait_ms: waitMs || undefined }, waitMs },
        regradeSchema,
      ),
    applyRegrade: (course: string, lab: string, id: string) =>
      callApi(options, { method: "POST", path: regrades(course, lab, `/${id}/apply`), body: {} }, regradeSchema),
    /** All of them, page by page. */
    regradeChanges: async (course: string, lab: string, id: string): Promise<readonly GradeChange[]> => {
      const path = regrades(course, lab, `/${id}/changes`);
      const all: GradeChange[] = [];
      let after: string | undefined;
      for (let page = 0; page < REGRADE_PAGES_MAX; page += 1) {
        const { changes, next } = await callApi(
          options,
          { method: "GET", path, query: { after } },
          regradeChangesSchema,
        );
        all.push(...changes);
        if (next === null) break;
        after = next;
      }
      return all;
    },
    labProgress: (course: string, lab: string, minutes: number | undefined) =>
      callApi(options, { method: "GET", path: atLab(course, lab, "/progress"), query: { minutes } }, labProgressSchema),
    timeline: (course: string, lab: string, user: string) =>
      callApi(options, { method: "GET", path: atLab(course, lab, "/timeline"), query: { user } }, timelineSchema),
  };
}
