import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { wantedBytes } from "./range.ts";

/** Bytes on disk that never change under their tag. */
export interface SentFile {
  readonly path: string;
  /** Where they begin in that file. */
  readonly offset: number;
  readonly bytes: number;
  /** The entity tag, without its quotes. */
  readonly tag: string;
  readonly media: string;
}

/** Answers GET and HEAD for a file: the whole, a range of it, or 304 to whoever has it. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, file: SentFile): FastifyReply {
  const etag = `"${file.tag}"`;
  void reply.header("etag", etag).header("accept-ranges", "bytes").type(file.media);
  if (request.headers["if-none-match"]?.includes(etag)) {
    return reply.code(304).send();
  }
  const fresh = request.headers["if-range"] === undefined || request.headers["if-range"] === etag;
  const wanted = wantedBytes(fresh ? request.headers.range : undefined, file.bytes);
  switch (wanted.kind) {
    case "all":
      return sendBytes(request, reply, file, 0, file.bytes);
    case "part": {
      const { first, last } = wanted;
      void reply.code(206).header("content-range", `bytes ${first}-${last}/${file.bytes}`);
      return sendBytes(request, reply, file, first, last - first + 1);
    }
    case "none":
      return reply.code(416).header("content-range", `bytes */${file.bytes}`).send(Readable.from([]));
    default:
      return wanted satisfies never;
  }
}

function sendBytes(
  { method }: FastifyRequest,
  reply: FastifyReply,
  { path, offset }: SentFile,
  from: number,
  bytes: number,
): FastifyReply {
  void reply.header("content-length", bytes);
  if (method === "HEAD" || bytes === 0) {
    return reply.send(Readable.from([]));
  }
  return reply.send(createReadStream(path, { start: offset + from, end: offset + from + bytes - 1 }));
}
