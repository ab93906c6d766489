import fc from "fast-check";
import type { NewTraceEvent } from "../events.ts";

/** Any event that a recorder may append (not the writer's own `trace.…`). */
const bytes = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 40,
});
const connection = fc.integer({ min: 1, max: 1_000 });
const epoch = fc.integer({ min: 1, max: 9 });
const hexDigits = (max: number, digits = "0123456789abcdef") =>
  fc.string({ unit: fc.constantFrom(...digits), minLength: 1, maxLength: max });
const user = fc.constant("usr_00000000000000000000");

const sha256 = fc.constant("0123456789abcdef".repeat(4));
const icount = fc.nat(1e9);

export const anyEvent: fc.Arbitrary<NewTraceEvent> = fc.oneof(
  fc.record(
    {
      type: fc.constant("machine.found" as const),
      epoch,
      qemu: fc.string({ maxLength: 20, unit: "binary" }),
      from: fc.constantFrom("hibernated" as const, "state" as const),
      template: sha256,
    },
    { requiredKeys: ["type", "epoch", "qemu"] },
  ),
  fc.record({ type: fc.constantFrom("machine.gone" as const, "machine.hibernated" as const), epoch }),
  fc.record({ type: fc.constant("machine.saved" as const), epoch, as: fc.string({ minLength: 1, maxLength: 30 }) }),
  fc.record({ type: fc.constant("machine.written" as const), icount, data: bytes }),
  fc.record({
    type: fc.constant("recording.kept" as const),
    epoch,
    sha256,
    bytes: fc.integer({ min: 1, max: 1e9 }),
    template: sha256,
    whole: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("connection.opened" as const),
    connection,
    kind: fc.constantFrom("gdb" as const, "console" as const),
    via: fc.constantFrom("websocket" as const, "tcp" as const, "link" as const),
    user,
    role: fc.constantFrom("driver" as const, "observer" as const, "instructor" as const),
  }),
  fc.record({ type: fc.constant("connection.closed" as const), connection, why: fc.string({ maxLength: 50 }) }),
  fc.record({
    type: fc.constantFrom("gdb.packet" as const, "gdb.reply" as const, "console.input" as const),
    connection,
    data: bytes,
  }),
  fc.record({ type: fc.constant("gdb.interrupt" as const), connection }),
  fc.record({ type: fc.constant("gdb.refused" as const), connection, why: fc.string({ maxLength: 50 }) }),
  fc.record({
    type: fc.constant("machine.resumed" as const),
    connection: fc.nat(9),
    action: fc.constantFrom("continue" as const, "step" as const, "range" as const),
  }),
  fc.record({
    type: fc.constant("gdb.noted" as const),
    connection,
    packets: fc.array(bytes, { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant("answer.given" as const),
    connection,
    question: hexDigits(32, "abcxyz059-"),
    value: fc.string({ maxLength: 50 }),
  }),
  fc.record({ type: fc.constant("seat.taken" as const), connection: fc.nat(9) }),
  fc.record(
    {
      type: fc.constant("machine.stopped" as const),
      reply: bytes,
      registers: fc.oneof(fc.constant(""), hexDigits(40, "0123456789abcdefx")),
      frames: fc.array(hexDigits(16), { maxLength: 5 }),
      user: fc.record({
        nr: fc.maxSafeInteger(),
        registers: fc.dictionary(
          hexDigits(6, "abcdix189").filter((name) => name.length > 1),
          hexDigits(16),
          { maxKeys: 5 },
        ),
      }),
      icount,
      steps: fc.integer({ min: 1, max: 1e6 }),
      misses: fc.integer({ min: 1, max: 1e6 }),
    },
    { requiredKeys: ["type", "reply", "registers", "frames"] },
  ),
  fc.record({
    type: fc.constant("machine.rewound" as const),
    connection,
    steps: fc.integer({ min: 1, max: 64 }),
    reply: bytes,
    registers: hexDigits(40, "0123456789abcdefx"),
  }),
  fc.record({ type: fc.constant("console.output" as const), data: bytes }),
  fc.record({ type: fc.constant("console.dropped" as const), bytes: fc.integer({ min: 1, max: 1e9 }) }),
);
