import type { Bilingual, Parameters } from "@ringside/shared";
import {
  checkSignature,
  type DamageKind,
  type SealKey,
  type SignatureState,
  type TraceEventOf,
  type VerifyResult,
} from "@ringside/trace";
import { canonicalJson } from "./canonical-json.ts";

/** What the submission is said to be. */
export interface ExpectedTrace {
  readonly session: string;
  readonly lab: string;
  /** Digest of the lab's image. */
  readonly image: string;
  readonly parameters: Parameters;
  /** Keys of the cell that it comes from. `unchecked`: it was handed in before there were signatures. */
  readonly sealKeys: readonly SealKey[] | "unchecked";
}

const text = (en: string, zh: string): Bilingual => ({ en, zh });

const DAMAGE_WORDS_ZH = {
  empty: "没有任何事件",
  torn_line: "最后一行不完整",
  line_too_long: "有一行超出长度上限",
  too_many_bytes: "记录超出大小上限",
  too_many_events: "事件数量超出上限",
  not_a_line: "有一行不是带哈希的事件",
  wrong_hash: "哈希链不一致:内容被修改、删除或添加过",
  not_an_event: "有一行不是本版本认识的事件",
  future_version: "记录来自更新的版本:请升级 Ringside",
  no_opening: "记录没有开头",
  second_opening: "记录有第二个开头",
  wrong_sequence: "事件编号不连续",
  time_backwards: "时间倒退",
  after_seal: "封存之后还有内容",
} as const satisfies Record<DamageKind, string>;

/** What a trace's signature is told as, where it is not good. */
export const SIGNATURE_WORDS = {
  missing: text("The trace is not signed by the cell that recorded it.", "记录没有录制节点的签名。"),
  unknown_key: text("The trace is signed with a key that no cell has shown.", "记录的签名密钥不属于任何已知节点。"),
  revoked_key: text("The trace is signed with a key that was revoked.", "记录的签名密钥已被吊销。"),
  other_cell: text("The trace is signed by another cell than it names.", "记录的签名来自另一个节点。"),
  wrong: text("The trace's signature is wrong: something was changed.", "记录的签名不正确:内容被修改过。"),
} as const satisfies Record<Exclude<SignatureState, "good">, Bilingual>;

/**
 * Why this trace cannot be graded at all, or null where it can.
 * @param traceDigest of the trace as it was handed in; null for one that goes on, which is neither sealed nor signed
 */
export function traceProblem(
  trace: VerifyResult,
  traceDigest: string | null,
  expected: ExpectedTrace,
): Bilingual | null {
  if (trace.status === "damaged") {
    const { line, byte } = trace.at;
    return text(
      `The trace is damaged: ${trace.why}.`,
      `记录已损坏:${DAMAGE_WORDS_ZH[trace.kind]}(第 ${line} 行,第 ${byte} 字节)。`,
    );
  }
  const opened = trace.events[0];
  if (traceDigest === null) {
    return opened?.type === "trace.opened"
      ? identityProblem(opened, expected)
      : text("The trace is empty.", "记录为空。");
  }
  if (trace.seal === undefined) return text("The trace is not sealed.", "记录尚未封存。");
  if (trace.digest !== traceDigest) {
    return text("The trace is not the one that was handed in.", "这份记录不是提交时的那一份。");
  }
  if (opened?.type !== "trace.opened") return text("The trace is empty.", "记录为空。");
  if (expected.sealKeys !== "unchecked") {
    const state = checkSignature(trace.signature, opened.cell, expected.sealKeys);
    if (state !== "good") return SIGNATURE_WORDS[state];
  }
  return identityProblem(opened, expected);
}

function identityProblem(opened: TraceEventOf<"trace.opened">, expected: ExpectedTrace): Bilingual | null {
  if (opened.session !== expected.session) return text("The trace is of another session.", "这份记录属于另一个会话。");
  if (opened.lab !== expected.lab) return text("The trace is of another lab.", "这份记录属于另一个实验。");
  if (opened.image !== expected.image) {
    return text("The trace was recorded with another kernel image.", "这份记录使用的是另一个内核镜像。");
  }
  if (canonicalJson(opened.parameters) !== canonicalJson(expected.parameters)) {
    return text("The trace was recorded with other parameters.", "这份记录使用的是另一组参数。");
  }
  return null;
}
