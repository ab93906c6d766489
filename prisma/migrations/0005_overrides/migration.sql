-- Instructors' judgements of single checks, and labs graded anew.

CREATE TYPE "RegradeState" AS ENUM ('running', 'ready', 'applied');

CREATE TABLE "Override" (
    "submissionId" TEXT NOT NULL,
    "check" TEXT NOT NULL,
    "points" DOUBLE PRECISION NOT NULL,
    "reason" TEXT NOT NULL,
    "authorId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Override_pkey" PRIMARY KEY ("submissionId", "check")
);

CREATE TABLE "Regrade" (
    "id" TEXT NOT NULL,
    "courseId" TEXT NOT NULL,
    "lab" TEXT NOT NULL,
    "authorId" TEXT NOT NULL,
    "state" "RegradeState" NOT NULL DEFAULT 'running',
    "rubricFile" TEXT NOT NULL,
    "rubricText" TEXT NOT NULL,
    "rubricDigest" TEXT NOT NULL,
    "graderVersion" TEXT NOT NULL,
    "basis" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "readyAt" TIMESTAMPTZ(3),
    "appliedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Regrade_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "RegradeRow" (
    "regradeId" TEXT NOT NULL,
    "submissionId" TEXT NOT NULL,
    "versionBefore" INTEGER NOT NULL,
    "result" TEXT,
    "changed" BOOLEAN NOT NULL DEFAULT false,
    "problem" TEXT,

    CONSTRAINT "RegradeRow_pkey" PRIMARY KEY ("regradeId", "submissionId")
);

CREATE INDEX "Regrade_courseId_lab_createdAt_idx" ON "Regrade"("courseId", "lab", "createdAt");
CREATE INDEX "Regrade_state_idx" ON "Regrade"("state");
CREATE INDEX "RegradeRow_submissionId_idx" ON "RegradeRow"("submissionId");

-- Not in schema.prisma, which has no words for it: one that runs for each lab of a course.
CREATE UNIQUE INDEX "Regrade_one_running" ON "Regrade"("courseId", "lab") WHERE "state" = 'running';

ALTER TABLE "Override" ADD CONSTRAINT "Override_submissionId_fkey" FOREIGN KEY ("submissionId") REFERENCES "Submission"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Override" ADD CONSTRAINT "Override_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Regrade" ADD CONSTRAINT "Regrade_courseId_fkey" FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Regrade" ADD CONSTRAINT "Regrade_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "RegradeRow" ADD CONSTRAINT "RegradeRow_regradeId_fkey" FOREIGN KEY ("regradeId") REFERENCES "Regrade"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "RegradeRow" ADD CONSTRAINT "RegradeRow_submissionId_fkey" FOREIGN KEY ("submissionId") REFERENCES "Submission"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
