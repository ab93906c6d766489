import { MESSAGE_BYTES_MAX, MESSAGE_HEAD_BYTES_MAX } from "./limits.ts";

/**
 * A message on the wire is one binary WebSocket message:
 *   4 bytes   length of the head, big-endian
 *   head      JSON, UTF-8
 *   the rest  page bytes, in the order in which the head names them
 */
export interface Frame {
  readonly head: unknown;
  readonly bytes: Uint8Array;
}

/** What a peer sent is no message. */
export class FrameError extends Error {}

const LENGTH_BYTES = 4;

/**
 * @param bytes page bytes, joined in order
 * @throws FrameError where it is longer than a peer takes
 */
export function encodeFrame(head: unknown, bytes: readonly Uint8Array[] = []): Buffer {
  const text = Buffer.from(JSON.stringify(head), "utf8");
  if (text.length > MESSAGE_HEAD_BYTES_MAX) throw new FrameError("the head is too long to be sent");
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...bytes]);
}

/** @throws FrameError for what is no frame */
export function decodeFrame(message: Buffer): Frame {
  if (message.length > MESSAGE_BYTES_MAX) throw new FrameError("the message is too long");
  if (message.length < LENGTH_BYTES) throw new FrameError("the message is too short");
  const headBytes = message.readUInt32BE(0);
  if (headBytes > MESSAGE_HEAD_BYTES_MAX || LENGTH_BYTES + headBytes > message.length) {
    throw new FrameError("the head's length is wrong");
  }
  const end = LENGTH_BYTES + headBytes;
  try {
    return { head: JSON.parse(message.toString("utf8", LENGTH_BYTES, end)), bytes: message.subarray(end) };
  } catch (cause) {
    throw new FrameError("the head is no JSON", { cause });
  }
}
