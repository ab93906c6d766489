import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { Image } from "@ringside/image";
import { imageManifestSchema, RingsideError, sha256Schema, slugSchema } from "@ringside/shared";
import { z } from "zod";
import type { Core } from "../core.ts";
import { answersTo } from "../http/answers.ts";
import type { TypedApp } from "../http/typed.ts";

/** Named by their digest, an image and its files never change. */
const FOREVER = "private, max-age=31536000, immutable";

const FILE_MEDIA = "application/octet-stream";

export function registerImageRoutes(app: TypedApp, { images }: Core): void {
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
        summary: "One of an image's files (kernel, initrd, symbols, debug, functions) or programs",
        tags: ["images"],
        params: z.object({ digest: sha256Schema, key: slugSchema }),
        headers: z.object({ "if-none-match": z.string().max(1_000).optional() }),
        response: answersTo(200, z.unknown(), "not_found"),
      },
    },
    async (request, reply) => {
      const image = await need(request.params.digest);
      const file = fileOf(image, request.params.key);
      const etag = `"${file.sha256}"`;
      void reply.header("cache-control", FOREVER).header("etag", etag);
      if (request.headers["if-none-match"]?.includes(etag)) {
        return reply.code(304 as 200).send();
      }
      void reply.type(FILE_MEDIA).header("content-length", file.bytes);
      return reply.send(createReadStream(join(image.folder, file.path)));
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
