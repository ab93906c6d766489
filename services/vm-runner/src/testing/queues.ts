/** The queues as the runner knows them, for tests that stand in the api's place. */
export { Queue, Worker } from "bullmq";
