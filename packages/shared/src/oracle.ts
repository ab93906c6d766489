import { z } from "zod";
import { sha256Schema } from "./ids.ts";
import { archSchema, imageNameSchema } from "./image.ts";
import { labSlugSchema, parametersSchema } from "./lab.ts";
import { ORACLE_CALLS_MAX, ORACLE_FUNCTIONS_MAX, ORACLE_NAMES_MAX, ORACLE_STOPS_MAX } from "./limits.ts";

const nameSchema = z.string().min(1).max(200);
const addressSchema = z.string().regex(/^0x[0-9a-f]{1,16}$/);
const numberSchema = z.string().regex(/^-?\d{1,20}$/);
const namesSchema = z.array(nameSchema).max(ORACLE_NAMES_MAX);

const placeSchema = z.strictObject({
  names: namesSchema,
  entry: addressSchema,
  /** Where gdb's `break NAME` lands; null where the image's table of functions does not have it. */
  breakpoint: addressSchema.nullable(),
  /** `register`: where it stands there; null where it is in none. */
  params: z
    .array(
      z.strictObject({ name: z.string().max(200), type: z.string().max(500), register: z.string().max(8).nullable() }),
    )
    .max(32),
});

const stopSchema = z.strictObject({
  /** Number of the event, and milliseconds since the recording began. */
  event: z.int().min(0),
  t: z.number().min(0),
  cause: z.enum(["breakpoint", "watchpoint", "step", "interrupt", "other"]),
  address: addressSchema.nullable(),
  /** The functions that the rubric names and that this one is. */
  course: namesSchema,
  /** What the image calls the function, and the lab's program its own. */
  names: namesSchema,
  position: z.enum(["entry", "breakpoint", "inside"]).nullable(),
  arguments: z
    .array(
      z.strictObject({
        name: z.string().max(200),
        register: z.string().max(8).nullable(),
        value: numberSchema.nullable(),
      }),
    )
    .max(32),
  /** Callers, innermost first, as far as the cell read them. */
  calls: z.array(nameSchema).max(ORACLE_CALLS_MAX),
  /** The number of the system call, where the cell read what the program entered the kernel with. */
  syscall: numberSchema.nullable(),
});

/** What one run of a lab's model solution on a real machine has shown: the way things go in this image. */
export const labOracleSchema = z.strictObject({
  format: z.literal(1),
  lab: labSlugSchema,
  /** sha256 over the lab's own files. */
  labDigest: sha256Schema,
  image: z.strictObject({
    name: imageNameSchema,
    digest: sha256Schema,
    arch: archSchema,
    kernelRelease: z.string().min(1).max(100),
  }),
  parameters: parametersSchema,
  /** Each function that the rubric names: what the image has for it. */
  functions: z
    .array(z.strictObject({ name: nameSchema, places: z.array(placeSchema).max(ORACLE_NAMES_MAX) }))
    .max(ORACLE_FUNCTIONS_MAX),
  stops: z.array(stopSchema).max(ORACLE_STOPS_MAX),
  /** Stops beyond ORACLE_STOPS_MAX, which are left out. */
  stopsLeftOut: z.int().min(0),
});
export type LabOracle = z.infer<typeof labOracleSchema>;
export type OracleFunction = LabOracle["functions"][number];
export type OracleStop = LabOracle["stops"][number];
