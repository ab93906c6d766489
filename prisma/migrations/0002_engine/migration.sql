-- Machines from the pool, hibernation, copies, saved states and replay logs.

ALTER TYPE "StartHow" ADD VALUE 'pool' BEFORE 'clone';

ALTER TABLE "Session"
    ADD COLUMN "machineAtMs" BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN "hibernatedBytes" INTEGER,
    ADD COLUMN "record" BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN "cpuPercent" INTEGER NOT NULL DEFAULT 50,
    ADD COLUMN "idleMinutes" INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN "forkedFromId" TEXT,
    ADD COLUMN "startCell" TEXT,
    ADD COLUMN "startState" TEXT;

ALTER TABLE "OutboxRow" ADD COLUMN "name" TEXT NOT NULL DEFAULT '';

CREATE TABLE "SubmissionRecording" (
    "submissionId" TEXT NOT NULL,
    "epoch" INTEGER NOT NULL,
    "sha256" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "template" TEXT NOT NULL,
    "whole" BOOLEAN NOT NULL,

    CONSTRAINT "SubmissionRecording_pkey" PRIMARY KEY ("submissionId", "epoch")
);

CREATE INDEX "SubmissionRecording_template_idx" ON "SubmissionRecording"("template");

-- As in 0001, but copies do not count: somebody may look at several moments of one lab.
DROP INDEX "Session_one_live";
CREATE UNIQUE INDEX "Session_one_live" ON "Session"("userId", "courseId", "lab") WHERE "state" NOT IN ('ended', 'failed') AND "forkedFromId" IS NULL;

ALTER TABLE "Session" ADD CONSTRAINT "Session_forkedFromId_fkey" FOREIGN KEY ("forkedFromId") REFERENCES "Session"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "SubmissionRecording" ADD CONSTRAINT "SubmissionRecording_submissionId_fkey" FOREIGN KEY ("submissionId") REFERENCES "Submission"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
