import { ERRORS, type ErrorCode, errorBodySchema } from "@ringside/shared";
import { z } from "zod";

/** Any route may answer these. */
const EVERYWHERE = ["bad_request", "rate_limited", "store_unavailable", "internal"] as const;
const AUTHENTICATED = ["unauthenticated", ...EVERYWHERE] as const;

/** What a 204 carries. */
export const nothingSchema = z.null();

/**
 * A route's answers for Fastify and the OpenAPI document: the good one, and every status that one of the error
 * codes has. `answersTo` is for routes that need a token, `publicAnswersTo` for the others.
 */
export function answersTo<S extends number, T extends z.ZodType>(
  status: S,
  schema: T,
  ...codes: readonly ErrorCode[]
): Record<S, T> {
  return withErrors(status, schema, [...AUTHENTICATED, ...codes]);
}

export function publicAnswersTo<S extends number, T extends z.ZodType>(status: S, schema: T): Record<S, T> {
  return withErrors(status, schema, EVERYWHERE);
}

function withErrors<S extends number, T extends z.ZodType>(
  status: S,
  schema: T,
  codes: readonly ErrorCode[],
): Record<S, T> {
  const answers: Record<number, z.ZodType> = {};
  for (const [errorStatus, of] of Map.groupBy(new Set(codes), (code) => ERRORS[code].status)) {
    answers[errorStatus] = errorAnswer(of);
  }
  answers[status] = schema;
  return answers as Record<S, T>;
}

/** One schema object for each set of codes; the OpenAPI document names the codes beside it. */
const errorAnswers = new Map<string, { readonly schema: z.ZodType; readonly codes: readonly ErrorCode[] }>();
const codesOf = new WeakMap<z.ZodType, readonly ErrorCode[]>();

function errorAnswer(codes: readonly ErrorCode[]): z.ZodType {
  const key = [...codes].sort().join(" ");
  const known = errorAnswers.get(key);
  if (known !== undefined) {
    return known.schema;
  }
  const schema = z.lazy(() => errorBodySchema);
  errorAnswers.set(key, { schema, codes });
  codesOf.set(schema, codes);
  return schema;
}

/** What an error answer's description says; undefined for a schema that is none. */
export function describeErrors(schema: unknown): string | undefined {
  const codes = codesOf.get(schema as z.ZodType);
  return codes?.map((code) => `\`${code}\`: ${ERRORS[code].message}`).join(". ");
}
