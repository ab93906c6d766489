import { stat } from "node:fs/promises";
import { basename, join, posix } from "node:path";
import { SOURCE_TREES } from "@ringside/image";
import { RingsideError } from "@ringside/shared";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { CompressedFiles } from "../files/compressed-files.ts";
import { sendFile } from "../files/send-file.ts";
import { publicAnswersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";
import { DEBUGINFOD_PATH_CHARS_MAX, DEBUGINFOD_RATE_MAX, RATE_WINDOW_MS } from "../limits.ts";
import type { BuildIds, BuiltFile } from "./build-ids.ts";
import type { SourceTrees } from "./source-trees.ts";

/**
 * debuginfod's web API (elfutils, debuginfod(8), "WEBAPI"), as gdb's DEBUGINFOD_URLS wants it: the images' debug
 * files and programs by their build-ids, and their source files. It asks for no token, because gdb has none:
 * a build-id is known to those who have the kernel, or a gdb attached to it.
 */
export interface Debuginfod {
  readonly buildIds: BuildIds;
  readonly sources: SourceTrees;
}

const MEDIA = "application/octet-stream";
const TEXT = "text/plain; charset=utf-8";

const idSchema = z.string().regex(/^(?:[0-9a-f]{2}){8,64}$/);
const fileParams = z.object({ buildId: idSchema, artifact: z.enum(["debuginfo", "executable"]) });
const sourceParams = z.object({ buildId: idSchema, "*": z.string().max(DEBUGINFOD_PATH_CHARS_MAX) });

const notFound = (what: string): RingsideError => new RingsideError("not_found", { message: what });

export function registerDebuginfodRoutes(
  app: TypedApp,
  { buildIds, sources }: Debuginfod,
  compressed: CompressedFiles,
): void {
  const need = async (id: string): Promise<BuiltFile> => {
    const found = await buildIds.find(id);
    if (found !== null && (await stat(join(found.image.folder, found.file.path)).catch(() => null)) !== null) {
      return found;
    }
    buildIds.forget(id);
    throw notFound("No image of this server has a file of that build-id");
  };
  const open = { tags: ["debuginfod"], security: [] };
  const config = { media: MEDIA, rateLimit: { max: DEBUGINFOD_RATE_MAX, timeWindow: RATE_WINDOW_MS } };
  const response = publicAnswersTo(200, z.unknown());

  app.route({
    method: ["GET", "HEAD"],
    url: "/buildid/:buildId/:artifact",
    config,
    schema: { ...open, summary: "A kernel or program with its debug information", params: fileParams, response },
    handler: async (request, reply) => {
      const { image, file } = await need(request.params.buildId);
      const path = join(image.folder, file.path);
      void reply.header("x-debuginfod-size", file.bytes).header("x-debuginfod-file", basename(file.path));
      void reply.header("vary", "accept-encoding");
      if (takesZstd(request)) {
        const small = await compressed.find(path, file);
        void reply.header("content-encoding", "zstd");
        return sendFile(request, reply, { ...small, offset: 0, tag: `${file.sha256}-zstd`, media: MEDIA });
      }
      return sendFile(request, reply, { path, offset: 0, bytes: file.bytes, tag: file.sha256, media: MEDIA });
    },
  });

  app.route({
    method: ["GET", "HEAD"],
    url: "/buildid/:buildId/source/*",
    config,
    schema: { ...open, summary: "A source file, by its absolute path", params: sourceParams, response },
    handler: async (request, reply) => {
      const built = await need(request.params.buildId);
      return sendSource(request, reply, sources, built, `/${request.params["*"]}`);
    },
  });
}

/** A part is a part of the plain file. */
function takesZstd({ headers }: FastifyRequest): boolean {
  if (headers.range !== undefined) {
    return false;
  }
  const encodings = String(headers["accept-encoding"] ?? "").split(",");
  return encodings.some((encoding) => /^\s*zstd\s*(?:;\s*q=(?:1|0?\.0*[1-9]).*)?$/.test(encoding));
}

async function sendSource(
  request: FastifyRequest,
  reply: FastifyReply,
  trees: SourceTrees,
  { image, sources: of }: BuiltFile,
  path: string,
): Promise<FastifyReply> {
  const plain = posix.normalize(path);
  const root = `${SOURCE_TREES[of].root}/`;
  const source = plain.startsWith(root) ? await trees.find(image, of, plain.slice(root.length)) : null;
  if (source === null) {
    throw notFound("The image has no such source file");
  }
  const { archive, offset, bytes } = source;
  void reply.header("x-debuginfod-size", bytes).header("x-debuginfod-file", basename(plain));
  const tag = `${image.manifest.inputsDigest}-${of}-${offset}`;
  return sendFile(request, reply, { path: archive, offset, bytes, tag, media: TEXT });
}
