import { z } from "zod";

/** Random part of an id: 20 characters of base 32 (100 bits), so that ids cannot be guessed. */
const ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_RANDOM_CHARS = 20;

const idSchema = <P extends string>(prefix: P) =>
  z.string().regex(new RegExp(`^${prefix}_[${ID_ALPHABET}]{${ID_RANDOM_CHARS}}$`), {
    error: `must look like ${prefix}_ and ${ID_RANDOM_CHARS} characters`,
  });

export const userIdSchema = idSchema("usr");
export const sessionIdSchema = idSchema("ses");
export const submissionIdSchema = idSchema("sub");
export const tokenIdSchema = idSchema("tok");
export const machineIdSchema = idSchema("mch");
export const regradeIdSchema = idSchema("rgr");
export const requestIdSchema = z.string().min(1).max(64);
/** A course or lab is named by people and appears in URLs and paths. */
export const slugSchema = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/, {
  error: "must be 1 to 40 of a-z, 0-9 and '-', not starting or ending with '-'",
});
export const cellIdSchema = slugSchema;
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, { error: "must be a sha256 in lower-case hex" });
/** Fencing token of a session's lease: grows by one with every start or reset of its machine. */
export const epochSchema = z.int().min(1);

export type IdPrefix = "usr" | "ses" | "sub" | "tok" | "mch" | "rgr";

/**
 * Makes a new id such as `ses_0123…`.
 * @param prefix what the id names
 */
export function newId(prefix: IdPrefix): string {
  const bytes = crypto.getRandomValues(new Uint8Array(ID_RANDOM_CHARS));
  return `${prefix}_${Array.from(bytes, (b) => ID_ALPHABET[b % ID_ALPHABET.length]).join("")}`;
}
