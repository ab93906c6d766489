import { PassThrough } from "node:stream";
import type { Image } from "@ringside/image";
import type { Session, Submission } from "@ringside/shared";
import { type VerifyResult, verifyTrace } from "@ringside/trace";
import { machinePids, type Place, preparePlace, readySession } from "../../apps/cli/src/bench/place.ts";
import { StubClient } from "../../apps/cli/src/bench/stub-client.ts";
import type { PoolOptions } from "../../apps/cli/src/box/parts.ts";
import type { PartEvent } from "../../apps/cli/src/box/supervisor.ts";
import { startTemporaryBox, type TemporaryBox } from "../../apps/cli/src/box/temporary-box.ts";
import type { Context } from "../../apps/cli/src/context.ts";
import { environmentSchema } from "../../apps/cli/src/environment.ts";
import { ConsoleClient } from "../../apps/cli/src/near/console-client.ts";
import { DEFAULT_IMAGE, localImage } from "../../apps/cli/src/setup/image.ts";
import { repoRoot } from "./repo-root.ts";

/** Whole boxes for the tests: real services, real machines, one course and its students. */
export interface TestBox extends AsyncDisposable {
  readonly context: Context;
  readonly temporary: TemporaryBox;
  readonly place: Place;
  readonly image: Image;
  /** What the supervisor saw, in order. */
  readonly events: readonly PartEvent[];
}

/** A folder of labs in place of the course's own, and which of them the course offers. */
export interface Labs {
  readonly folder: string;
  readonly offers: readonly string[];
}

const STATE_WAIT_MS = 45_000;
const POLL_MS = 50;

export function testContext(signal: AbortSignal): Context {
  const sink = () => new PassThrough().resume();
  return {
    environment: environmentSchema.parse(process.env),
    inherited: {},
    stdin: new PassThrough(),
    stdout: sink(),
    stderr: sink(),
    signal,
    onHurry: () => undefined,
    holdInterrupts: () => ({ [Symbol.dispose]: () => undefined }),
    repoRoot,
    isRoot: process.getuid?.() === 0,
    json: () => false,
  };
}

/**
 * Starts a box with `students` students of one course; without `pool`, the runner's own defaults.
 * @param options `images`: names of images beside the first that machines are made ready for at once
 */
export async function startTestBox(
  students: number,
  options: { readonly pool?: PoolOptions; readonly labs?: Labs; readonly images?: readonly string[] } = {},
): Promise<TestBox> {
  const ending = new AbortController();
  const context = testContext(ending.signal);
  const image = await courseImage(context);
  const events: PartEvent[] = [];
  const temporary = await startTemporaryBox(context, {
    slots: 8,
    pool: options.pool,
    labs: options.labs?.folder,
    warmImages: [image.manifest.name, ...(options.images ?? [])],
    signal: ending.signal,
    onEvent: (event) => events.push(event),
  });
  const place = await preparePlace(temporary, image, students, ending.signal, options.labs?.offers);
  const close = async () => {
    await temporary[Symbol.asyncDispose]();
    ending.abort();
  };
  return { context, temporary, place, image, events, [Symbol.asyncDispose]: close };
}

/** The course image, which \`./ringside test\` has built. @throws Error that says how where it is not there */
export async function courseImage(context: Context): Promise<Image> {
  const image = await localImage(context, DEFAULT_IMAGE);
  if (!image) throw new Error(`the image ${DEFAULT_IMAGE} is not built: run ./ringside image build`);
  return image;
}

/** Polls until `ask` gives something. @throws Error that names `what` after STATE_WAIT_MS */
export async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const deadline = Date.now() + STATE_WAIT_MS; Date.now() < deadline; ) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited in vain for ${what}`);
}

export type TestStudent = Place["students"][number];

/** The n-th student of the box. */
export function student(box: TestBox, n: number): TestStudent {
  const found = box.place.students[n];
  if (!found) throw new Error(`the box has no student ${n}`);
  return found;
}

/** A student with a ready session. */
export async function atTheReady(
  box: TestBox,
  n: number,
  lab?: string,
): Promise<{ who: TestStudent; session: Session; pid: number }> {
  const who = student(box, n);
  const session = await readySession(who.api, lab);
  const pid = (await machinePids(box.temporary)).get(session.id);
  if (pid === undefined) throw new Error("the ready session has no machine");
  return { who, session, pid };
}

/** Attaches a scripted debugger through the plain TCP entry and inserts a breakpoint on listen. */
export async function attachWithBreakpoint(box: TestBox, who: TestStudent, session: string): Promise<StubClient> {
  const entry = await who.api.tcpEntry(session);
  const stub = await StubClient.connect({ host: entry.host, port: entry.port });
  const answer = await stub.ask(`Z0,${box.place.listenAddress},1`);
  if (answer !== "OK") throw new Error(`the breakpoint was answered ${answer}`);
  return stub;
}

/** Continues, types replyhi on the console, and gives the stop reply. */
export async function stopInListen(box: TestBox, who: TestStudent, session: string, stub: StubClient): Promise<string> {
  await using console = await ConsoleClient.open(who.api, session, box.context.signal);
  const stopped = stub.ask("c");
  console.send("replyhi\n");
  return await stopped;
}

/** Waits for a state of the session. */
export function sessionIn(who: TestStudent, session: string, ...states: Session["state"][]): Promise<Session> {
  return until(`session in ${states.join(" or ")}`, async () => {
    const answer = await who.api.session(session);
    return states.includes(answer.state) ? answer : undefined;
  });
}

/** Hands in, waits for the grade, and gives the submission and its verified trace. */
export async function handIn(
  who: TestStudent,
  session: string,
): Promise<{ submission: Submission; trace: VerifyResult }> {
  const { id } = await who.api.submit(session);
  const submission = await until("the grade", async () => {
    const answer = await who.api.submission(id);
    return answer.grade === null ? undefined : answer;
  });
  const response = await who.api.submissionTrace(id);
  const trace = await verifyTrace(new Uint8Array(await response.arrayBuffer()));
  return { submission, trace };
}

/** The pid of a part of the box, such as "gdb-proxy". */
export function partPid(box: TestBox, name: string): number {
  const pid = box.temporary.box.supervisor.report().find((part) => part.name === name)?.pid;
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

/** Kills a part and waits until the supervisor has it serving again. */
export async function killPart(box: TestBox, name: string): Promise<void> {
  const before = box.events.length;
  process.kill(partPid(box, name), "SIGKILL");
  await until(`${name} to serve again`, () =>
    box.events.slice(before).some((event) => event.part === name && event.what === "ready") ? true : undefined,
  );
}
