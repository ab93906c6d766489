import { join } from "node:path";
import type { Image } from "@ringside/image";
import { imageManifestSchema, RingsideError, sha256Schema, slugSchema } from "@ringside/shared";
import { z } from "zod";
import type { Core } from "../core.ts";
import { sendFile } from "../files/send-file.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";

/** Named by their digest, an image and its files never change. */
const FOREVER = "private, max-age=31536000, immutable";

const FILE_MEDIA = "application/octet-stream";
/** RFC 8878. Not a Content-Encoding: so that ranges are those of the compressed bytes. */
const ZSTD_MEDIA = "application/zstd";

const headerSchema = z.string().max(1_000).optional();

export function registerImageRoutes(app: TypedApp, { images, compressed }: Core): void {
  const need = async (digest: string): Promise<Image> => {
    const image = await images.find(digest);
    if (image === null || image.manifest.digest !== digest) {
      throw new RingsideError("not_found", { message: "There is no image of that digest on this server" });
    }
    return image;
  };

  app.get(
    "/v1/images/:digest",
    {
      schema: {
        summary: "An image's manifest",
        tags: ["images"],
        params: z.object({ digest: sha256Schema }),
        response: answersTo(200, imageManifestSchema, "not_found"),
      },
    },
    async (request, reply) => {
      const { manifest } = await need(request.params.digest);
      void reply.header("cache-control", FOREVER).header("etag", `"${manifest.digest}"`);
      return manifest;
    },
  );

  app.get(
    "/v1/images/:digest/files/:key",
    {
      config: { media: FILE_MEDIA },
      schema: {
        summary: "One of an image's files (kernel, initrd, symbols, debug, functions, structures) or programs",
        tags: ["images"],
        params: z.object({ digest: sha256Schema, key: slugSchema }),
        querystring: z.strictObject({ as: z.enum(["zstd"]).optional() }),
        headers: z.object({ "if-none-match": headerSchema, "if-range": headerSchema, range: headerSchema }),
        response: answersTo(200, z.unknown(), "not_found"),
      },
    },
    async (request, reply) => {
      const image = await need(request.params.digest);
      const file = fileOf(image, request.params.key);
      const path = join(image.folder, file.path);
      void reply.header("cache-control", FOREVER);
      if (request.query.as === "zstd") {
        const small = await compressed.find(path, file);
        return sendFile(request, reply, { ...small, offset: 0, tag: `${file.sha256}-zstd`, media: ZSTD_MEDIA });
      }
      return sendFile(request, reply, { path, offset: 0, bytes: file.bytes, tag: file.sha256, media: FILE_MEDIA });
    },
  );
}

function fileOf({ manifest }: Image, key: string): Image["manifest"]["files"]["kernel"] {
  const files = new Map(Object.entries({ ...manifest.programs, ...manifest.files }));
  const file = files.get(key);
  if (file === undefined) {
    throw new RingsideError("not_found", {
      message: `The image has no file ${key}: it has ${[...files.keys()].join(", ")}`,
    });
  }
  return file;
}
