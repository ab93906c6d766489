import { NearAgent } from "../agent.ts";
import { Verification } from "../verification.ts";
import { type Fault, ModelCell } from "./model-cell.ts";
import { ModelStub } from "./model-stub.ts";

export interface BenchOptions {
  readonly fault?: Fault;
  readonly stub?: ModelStub;
  readonly role?: "driver" | "observer" | "instructor";
  readonly verify?: boolean;
}

/** A near agent between a test that plays gdb and a model of a cell. */
export class AgentBench {
  readonly cell: ModelCell;
  readonly agent: NearAgent;
  readonly verification: Verification | null;
  /** What gdb was sent and has not been taken by ask(). */
  readonly replies: string[] = [];
  readonly said: string[] = [];
  hungUp = false;
  #lastId = 0;
  readonly #role: "driver" | "observer" | "instructor";

  constructor({ fault = "none", stub = new ModelStub(), role = "driver", verify = false }: BenchOptions = {}) {
    this.cell = new ModelCell(stub, fault);
    this.#role = role;
    this.verification = verify ? new Verification((line) => this.said.push(line)) : null;
    this.agent = new NearAgent(
      {
        toGdb: (payload) => this.replies.push(payload),
        toCell: (message) => this.cell.hear(message),
        say: (line) => this.said.push(line),
        wake: () => undefined,
        hangUp: () => {
          this.hungUp = true;
        },
        files: null,
        nextId: () => {
          this.#lastId += 1;
          return this.#lastId;
        },
      },
      this.verification,
    );
  }

  /** Opens the link and lets gdb attach. */
  attach(): this {
    this.agent.opened(this.cell.hello(this.#role));
    this.settle();
    return this;
  }

  /** Gives the agent all answers, and those to what it then asks. */
  settle(): void {
    for (let sent = this.cell.let(); sent.length > 0; sent = this.cell.let()) {
      for (const { message, pages } of sent) this.agent.received(message, pages);
    }
  }

  /** Sends a packet and gives all that gdb is sent for it. */
  ask(payload: string): readonly string[] {
    this.agent.packet(payload);
    this.settle();
    return this.taken();
  }

  taken(): readonly string[] {
    return this.replies.splice(0);
  }

  /** The messages of a kind that the cell has heard, since the last call. */
  heard(): readonly string[] {
    return this.cell.heard.splice(0).map((message) => {
      if (message.type === "packets") return [...message.first, message.last].join(" ");
      return message.type === "read" ? `read ${message.pages.join(" ")}` : message.type;
    });
  }
}
