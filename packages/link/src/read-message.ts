import { decodeFrame, FrameError } from "./frame.ts";
import { NEAR_MESSAGE_BYTES_MAX } from "./limits.ts";
import { type FarMessage, farMessageSchema, type NearMessage, nearMessageSchema, type PageHead } from "./messages.ts";
import { bytesOfHead } from "./pages.ts";

/** Reads what a near agent sent. @throws FrameError */
export function readNear(message: Buffer): NearMessage {
  if (message.length > NEAR_MESSAGE_BYTES_MAX) throw new FrameError("the message is too long");
  const { head, bytes } = decodeFrame(message);
  const near = nearMessageSchema.safeParse(head);
  if (!near.success) throw new FrameError("this is no message of a near agent", { cause: near.error });
  if (bytes.length > 0) throw new FrameError("a near agent sends no pages");
  return near.data;
}

/** What a cell sent: the message, and the bytes of its pages for PageReceiver. */
export interface ReadFar {
  readonly message: FarMessage;
  readonly bytes: Uint8Array;
}

/** Reads what a cell sent. @throws FrameError */
export function readFar(message: Buffer): ReadFar {
  const { head, bytes } = decodeFrame(message);
  const far = farMessageSchema.safeParse(head);
  if (!far.success) throw new FrameError("this is no message of a cell", { cause: far.error });
  const expected = pageHeadsOf(far.data).reduce((sum, page) => sum + bytesOfHead(page), 0);
  if (bytes.length !== expected) throw new FrameError("the bytes do not fit the pages");
  return { message: far.data, bytes };
}

/** The pages of a message, in their order. */
export function pageHeadsOf(message: FarMessage): readonly PageHead[] {
  switch (message.type) {
    case "attached":
      return message.bundle.pages;
    case "answer":
      return message.bundle?.pages ?? [];
    case "pages":
      return message.pages;
    case "hello":
    case "refused":
    case "changed":
    case "said":
      return [];
    default:
      return message satisfies never;
  }
}
