export { decodeFrame, encodeFrame, type Frame, FrameError } from "./frame.ts";
export * from "./limits.ts";
export {
  type Ahead,
  type Back,
  type BundleHead,
  type FarMessage,
  farMessageSchema,
  LINK_PROTOCOL,
  type NearMessage,
  nearMessageSchema,
  type PageHead,
  type StepAhead,
} from "./messages.ts";
export { PageReceiver } from "./page-receiver.ts";
export { PageSender, type SentPages } from "./page-sender.ts";
export type { Page } from "./pages.ts";
export { pageHeadsOf, type ReadFar, readFar, readNear } from "./read-message.ts";
