import assert from "node:assert/strict";
import type { NewTraceEvent } from "./events.ts";
import {
  ANSWER_CHARS_MAX,
  EVENT_DATA_CHARS_MAX,
  NOTED_PACKET_CHARS_MAX,
  NOTED_PACKETS_MAX,
  USER_REGISTERS_MAX,
} from "./limits.ts";
import { QUESTION } from "./question.ts";

/**
 * Writes an event as the body of its line, member by member, so that nothing the reader would refuse can
 * come into a trace. This is the hot path of recording: no schema runs here. What it refuses is a mistake
 * of the recorder (AssertionError), and nothing has been written then.
 */
export function eventBody(seq: number, t: number, event: NewTraceEvent): string {
  return `{"seq":${seq},"t":${t},"type":"${event.type}"${members(event)}`;
}

const BYTES = /^[\0-\xff]*$/;
const REGISTERS = /^[0-9a-fx]*$/;
const REGISTER_NAME = /^[a-z0-9]{2,6}$/;
const ADDRESS = /^[0-9a-f]{1,16}$/;
const REGISTERS_CHARS_MAX = 16_384;
const FRAMES_MAX = 64;
const WHY_CLOSED_CHARS_MAX = 100;
const WHY_REFUSED_CHARS_MAX = 200;
const QEMU_CHARS_MAX = 200;
const SAVED_AS_CHARS_MAX = 64;

function members(event: NewTraceEvent): string {
  switch (event.type) {
    case "trace.opened": {
      const { version, session, user, lab, image, arch, parameters, cell, wall } = event;
      return rest({ version, session, user, lab, image, arch, parameters, cell, wall });
    }
    case "trace.resumed":
      return rest({ wall: event.wall, cutBytes: count(event.cutBytes, 0) });
    case "trace.sealed":
      return rest({ wall: event.wall, signature: event.signature });
    case "machine.found": {
      const { from, template } = event;
      return rest({ epoch: count(event.epoch, 1), qemu: text(event.qemu, QEMU_CHARS_MAX), from, template });
    }
    case "machine.gone":
    case "machine.hibernated":
      return rest({ epoch: count(event.epoch, 1) });
    case "machine.saved":
      return rest({ epoch: count(event.epoch, 1), as: text(event.as, SAVED_AS_CHARS_MAX) });
    case "machine.written":
      return `,"icount":${count(event.icount, 0)}${data(event.data)}`;
    case "recording.kept": {
      const { sha256, template, whole } = event;
      return rest({ epoch: count(event.epoch, 1), sha256, bytes: count(event.bytes, 1), template, whole });
    }
    case "connection.opened": {
      const { connection, kind, via, user, role } = event;
      return rest({ connection: count(connection, 1), kind, via, user, role });
    }
    case "connection.closed":
      return from(event.connection) + rest({ why: text(event.why, WHY_CLOSED_CHARS_MAX) });
    case "gdb.packet":
    case "gdb.reply":
    case "console.input":
      return from(event.connection) + data(event.data);
    case "gdb.interrupt":
      return from(event.connection);
    case "gdb.refused":
      return from(event.connection) + rest({ why: text(event.why, WHY_REFUSED_CHARS_MAX) });
    case "gdb.noted":
      return from(event.connection) + noted(event.packets);
    case "answer.given":
      assert(QUESTION.test(event.question), "not a question's name");
      return from(event.connection) + rest({ question: event.question, value: text(event.value, ANSWER_CHARS_MAX) });
    case "seat.taken":
      return `,"connection":${count(event.connection, 0)}`;
    case "machine.resumed":
      return `,"connection":${count(event.connection, 0)},"action":"${event.action}"`;
    case "machine.stopped":
      return stopped(event);
    case "machine.rewound":
      return rewound(event);
    case "console.output":
      return data(event.data);
    case "console.dropped":
      return rest({ bytes: count(event.bytes, 1) });
    default:
      return assert.fail(`unknown event ${JSON.stringify(event satisfies never)}`);
  }
}

function rewound(event: NewTraceEvent & { type: "machine.rewound" }): string {
  mustBeRegisters(event.registers);
  const head = `${from(event.connection)},"steps":${count(event.steps, 1)}`;
  return `${head},"reply":${bytes(event.reply)},"registers":"${event.registers}"`;
}

function mustBeRegisters(registers: string): void {
  assert(registers.length <= REGISTERS_CHARS_MAX && REGISTERS.test(registers), "registers are not hex");
}

function stopped(event: NewTraceEvent & { type: "machine.stopped" }): string {
  mustBeRegisters(event.registers);
  assert(event.frames.length <= FRAMES_MAX && event.frames.every((frame) => ADDRESS.test(frame)), "bad frames");
  const frames = event.frames.length === 0 ? "" : `"${event.frames.join('","')}"`;
  const counts = optional("icount", event.icount, 0) + optional("steps", event.steps, 1);
  const more = user(event.user) + counts + optional("misses", event.misses, 1);
  return `,"reply":${bytes(event.reply)},"registers":"${event.registers}","frames":[${frames}]${more}`;
}

function user(entered: (NewTraceEvent & { type: "machine.stopped" })["user"]): string {
  if (entered === undefined) return "";
  const registers = Object.entries(entered.registers);
  assert(registers.length <= USER_REGISTERS_MAX, "too many registers of a program");
  assert(
    registers.every(([name, value]) => REGISTER_NAME.test(name) && ADDRESS.test(value)),
    "bad registers of a program",
  );
  return `,"user":${JSON.stringify({ nr: count(entered.nr, Number.MIN_SAFE_INTEGER), registers: entered.registers })}`;
}

function noted(packets: readonly string[]): string {
  assert(packets.length > 0 && packets.length <= NOTED_PACKETS_MAX, `${packets.length} packets in one event`);
  assert(
    packets.every((packet) => packet.length <= NOTED_PACKET_CHARS_MAX),
    `a packet of more than ${NOTED_PACKET_CHARS_MAX} bytes`,
  );
  const chars = packets.reduce((sum, packet) => sum + packet.length, 0);
  assert(chars <= EVENT_DATA_CHARS_MAX, `more than ${EVENT_DATA_CHARS_MAX} bytes in one event`);
  return `,"packets":[${packets.map(bytes).join(",")}]`;
}

const optional = (name: string, value: number | undefined, min: number): string =>
  value === undefined ? "" : `,"${name}":${count(value, min)}`;

const from = (connection: number): string => `,"connection":${count(connection, 1)}`;
const data = (value: string): string => `,"data":${bytes(value)}`;

function rest(values: Readonly<Record<string, unknown>>): string {
  return `,${JSON.stringify(values).slice(1, -1)}`;
}

function bytes(value: string): string {
  assert(value.length <= EVENT_DATA_CHARS_MAX, `more than ${EVENT_DATA_CHARS_MAX} bytes in one event`);
  assert(BYTES.test(value), "not one character per byte");
  return JSON.stringify(value);
}

function text(value: string, charsMax: number): string {
  assert(value.length <= charsMax, `more than ${charsMax} characters`);
  return value;
}

function count(value: number, min: number): number {
  assert(Number.isSafeInteger(value) && value >= min, `${value} is not a whole number from ${min}`);
  return value;
}
