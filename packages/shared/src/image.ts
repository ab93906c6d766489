import { z } from "zod";
import { sha256Schema, slugSchema } from "./ids.ts";

/** An Image's name is a slug that may hold '_' (`linux-x86_64`). */
export const imageNameSchema = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/);
export const archSchema = z.enum(["x86_64", "i386"]);
export type Arch = z.infer<typeof archSchema>;

/** A file of an image: `path` is relative to the manifest and stays below its folder. */
export const imageFileSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/)
    .refine((path) => !path.split("/").includes(".."), "must not leave the image's folder"),
  sha256: sha256Schema,
  bytes: z.int().min(0),
});

export const imageManifestSchema = z.strictObject({
  format: z.literal(1),
  name: imageNameSchema,
  arch: archSchema,
  /** sha256 over the sorted lines `<file key> <sha256>`: what the image is. */
  digest: sha256Schema,
  /** sha256 over everything the image was built from: the key of the build cache. */
  inputsDigest: sha256Schema,
  kernelRelease: z.string().min(1).max(100),
  commandLine: z.string().min(1).max(500),
  prompt: z.string().min(1).max(40),
  files: z.strictObject({
    kernel: imageFileSchema,
    initrd: imageFileSchema,
    /** System.map with the alias symbols: lines `<hex address> <type> <name>`. */
    symbols: imageFileSchema,
    /** vmlinux with DWARF and the alias symbols. */
    debug: imageFileSchema,
    /** JSON array of `functionRowSchema`. */
    functions: imageFileSchema,
    /** JSON array of `structureRowSchema`; images that were built before there was one have none. */
    structures: imageFileSchema.optional(),
  }),
  /** Unstripped copies of the guest's own programs, for user-space debugging. */
  programs: z.record(slugSchema, imageFileSchema),
  aliases: z.array(z.strictObject({ alias: z.string().min(1).max(200), target: z.string().min(1).max(200) })),
});
export type ImageManifest = z.infer<typeof imageManifestSchema>;
export type ImageFileKey = keyof ImageManifest["files"];

const addressSchema = z.string().regex(/^0x[0-9a-f]{1,16}$/);

const structureNameSchema = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/);

/** Where a function's arguments stand when it is entered and where gdb's `break NAME` lands. */
export const functionRowSchema = z.strictObject({
  name: z.string().min(1).max(200),
  entry: addressSchema,
  breakpoint: addressSchema,
  params: z
    .array(
      z.strictObject({
        name: z.string().max(200),
        type: z.string().max(500),
        bytes: z.int().min(0).max(65_536),
        signed: z.boolean(),
        /** Register that holds it at `breakpoint`; null where it is not in one. */
        register: z.string().max(8).nullable(),
        /** The structure that it points to, where its type does not say so itself (`struct sock *` does). */
        pointsTo: structureNameSchema.optional(),
      }),
    )
    .max(32),
});
export const functionTableSchema = z.array(functionRowSchema).max(50_000);
export type FunctionRow = z.infer<typeof functionRowSchema>;

/** Where a structure of the kernel has its members, so that a read of memory can be told in words. */
export const structureRowSchema = z.strictObject({
  name: structureNameSchema,
  bytes: z.int().min(1).max(65_536),
  /** The structure that its first member is: where a `tcp_sock` stands, an `inet_connection_sock` begins. */
  beginsWith: structureNameSchema.optional(),
  /** Members of a structure inside it are listed as well, as `outer.inner`. */
  members: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_.]{0,199}$/),
        offset: z.int().min(0).max(65_535),
        bytes: z.int().min(0).max(65_536),
        /** The structure that this pointer leads to. */
        pointsTo: structureNameSchema.optional(),
      }),
    )
    .max(2_000),
  /** Names of the kernel's own variables of this type, such as `inet_stream_ops`. */
  instances: z.array(z.string().min(1).max(200)).max(500).optional(),
});
export const structureTableSchema = z.array(structureRowSchema).max(2_000);
export type StructureRow = z.infer<typeof structureRowSchema>;

/** A function that a kernel has under several names; `name` is the one that people know. */
export const functionAliasSchema = z.strictObject({
  name: z.string().min(1).max(200),
  names: z.array(z.string().min(1).max(200)).min(1).max(200),
});
export const functionAliasesSchema = z.array(functionAliasSchema).max(5_000);
export type FunctionAlias = z.infer<typeof functionAliasSchema>;
