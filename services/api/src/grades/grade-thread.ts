import { parentPort, workerData } from "node:worker_threads";
import { gradeFile } from "./grade-file.ts";

// The thread's entry: started by grade-in-thread.ts for one grade, which it posts as text.
parentPort?.postMessage(await gradeFile(workerData));
