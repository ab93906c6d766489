export { DAMAGE_KINDS, type Damage, type DamageKind } from "./damage.ts";
export * from "./events.ts";
export { readSeal } from "./existing.ts";
export { type AsciicastOptions, asciicast } from "./export/asciicast.ts";
export { ctfMetadata } from "./export/ctf-metadata.ts";
export { ctfPackets } from "./export/ctf-stream.ts";
export { type ExportInput, placeOfStop } from "./export/export-input.ts";
export type * from "./fact.ts";
export { deriveFacts, type FactsInput } from "./facts.ts";
export type { Argument } from "./functions.ts";
export { ANSWER_CHARS_MAX, NOTED_PACKET_CHARS_MAX, NOTED_PACKETS_MAX } from "./limits.ts";
export { isKernelAddress } from "./modes.ts";
export { registerNames } from "./places.ts";
export { QUESTION } from "./question.ts";
export { type TraceLimits, type VerifyResult, verifyTrace } from "./reader.ts";
export { type ReplayScript, type ReplayStep, replayScripts } from "./replay-script.ts";
export {
  type ConsoleComparison,
  type ConsoleDifference,
  compareConsole,
  firstRegisterDifference,
  type RegisterDifference,
} from "./replay-script-compare.ts";
export { hexOfRecorded, recordedReply } from "./reply-text.ts";
export {
  checkSignature,
  type SealKey,
  type SealSignature,
  type SealSigner,
  type SignatureState,
  sealKeyName,
  sealSigner,
} from "./seal-signature.ts";
export { sealOfTail, TAIL_BYTES } from "./seal-tail.ts";
export { readTraceBytes } from "./segments.ts";
export { parseSymbols, type SymbolPlace, SymbolTable } from "./symbols.ts";
export { TraceWriter, type TraceWriterOptions } from "./writer.ts";
