import type { Order } from "../policy/decision.ts";
import { announcement, inWords, type WordKey, type WordValues } from "../policy/words.ts";
import type { AttachedDebugger } from "./attached-debugger.ts";
import type { HubMachine } from "./machine-knowledge.ts";
import type { HubPorts } from "./ports.ts";
import type { Seats } from "./seats.ts";

/** Ctrl-C for what has the console, and what leaves a shell; at the menu's own prompt neither does anything. */
const LEAVES_PROGRAM = "\x03exit\r";
const ENTER = "\r";

/** Carries out what `monitor` commands do, and tells everybody what concerns them. */
export class Orders {
  readonly #ports: Pick<HubPorts, "record" | "announce" | "resetWanted" | "type">;
  readonly #seats: Seats;
  readonly #machine: HubMachine;
  readonly #hintsGiven = new WeakMap<AttachedDebugger, number>();

  constructor(ports: HubPorts, seats: Seats, machine: HubMachine) {
    this.#ports = ports;
    this.#seats = seats;
    this.#machine = machine;
  }

  /** @returns what was done, in the debugger's language */
  carryOut(one: AttachedDebugger, order: Order): string {
    const says = (key: WordKey, values?: WordValues) => inWords(one.language, key, values);
    switch (order.do) {
      case "take":
        if (!this.#seats.take(one)) return says("have seat");
        this.seatChanged("seat was taken", { user: one.user });
        return says("took seat");
      case "give":
        if (!this.#seats.give(one)) return says("no seat");
        this.seatGoesBack();
        return says("gave seat");
      case "reset":
        this.resetWanted(one);
        return says("reset");
      case "restart-program":
        this.#ports.type(one.connection, LEAVES_PROGRAM);
        return says("restarted");
      case "type":
        this.#ports.type(one.connection, Buffer.from(order.text, "utf8").toString("latin1") + ENTER);
        return says("typed");
      case "hint":
        return this.#hint(one);
      case "answer": {
        const { question, value } = order;
        this.#ports.record({ type: "answer.given", connection: one.connection, question, value });
        return says("answered", { question, value });
      }
      case "lang":
        one.language = order.language;
        return says("language chosen");
      default:
        return order satisfies never;
    }
  }

  /** A debugger wants a fresh machine. */
  resetWanted({ user }: AttachedDebugger): void {
    this.#ports.resetWanted(user);
    this.#tellAll("reset was asked", { user });
  }

  /** An instructor has left the seat: it is the driver's again, if there is one. */
  seatGoesBack(): void {
    const user = this.#seats.driver?.user;
    if (user === undefined) this.seatChanged("seat is free", {});
    else this.seatChanged("seat was given", { user });
  }

  seatChanged(key: WordKey, values: WordValues): void {
    this.#ports.record({ type: "seat.taken", connection: this.#seats.driver?.connection ?? 0 });
    this.#tellAll(key, values);
  }

  #hint(one: AttachedDebugger): string {
    const { hints } = this.#machine;
    const given = this.#hintsGiven.get(one) ?? 0;
    const next = hints[given % hints.length];
    if (next === undefined) return inWords(one.language, "no hint");
    this.#hintsGiven.set(one, given + 1);
    const number = (given % hints.length) + 1;
    const hint = inWords(one.language, "hint", { number, count: hints.length, text: next[one.language] });
    const again = given >= hints.length && number === 1;
    return again ? `${inWords(one.language, "no more hints")}\n${hint}` : hint;
  }

  #tellAll(key: WordKey, values: WordValues): void {
    this.#ports.announce(announcement(key, values));
    for (const { debugger: end, language } of this.#seats.all) end.say(inWords(language, key, values));
  }
}
