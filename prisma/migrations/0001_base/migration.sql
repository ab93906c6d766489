-- The first schema: people, courses, sessions, outbox, submissions, grades, audit.

CREATE TYPE "SiteRole" AS ENUM ('member', 'admin');

CREATE TYPE "CourseRole" AS ENUM ('student', 'instructor');

CREATE TYPE "SessionState" AS ENUM ('requested', 'queued', 'starting', 'ready', 'attached', 'hibernated', 'ended', 'failed');

CREATE TYPE "SessionReason" AS ENUM ('stopped', 'submitted', 'time_limit', 'operator', 'runner_lost', 'machine_crashed', 'guest_exited', 'machine_unresponsive', 'start_timeout', 'no_capacity', 'image_unavailable', 'jail_unavailable', 'storage_full', 'trace_full', 'internal');

CREATE TYPE "StartHow" AS ENUM ('clone', 'cold');

CREATE TYPE "GradeOutcome" AS ENUM ('graded', 'ungradable');

CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "studentNumber" TEXT,
    "siteRole" "SiteRole" NOT NULL DEFAULT 'member',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Token" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3),

    CONSTRAINT "Token_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Course" (
    "id" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "secret" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Course_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Membership" (
    "courseId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "role" "CourseRole" NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Membership_pkey" PRIMARY KEY ("courseId", "userId")
);

CREATE TABLE "CourseLab" (
    "courseId" TEXT NOT NULL,
    "lab" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CourseLab_pkey" PRIMARY KEY ("courseId", "lab")
);

CREATE TABLE "Session" (
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "courseId" TEXT NOT NULL,
    "lab" TEXT NOT NULL,
    "state" "SessionState" NOT NULL DEFAULT 'requested',
    "epoch" INTEGER NOT NULL DEFAULT 1,
    "reason" "SessionReason",
    "detail" TEXT,
    "cell" TEXT,
    "image" TEXT NOT NULL,
    "memoryMib" INTEGER NOT NULL,
    "sessionMinutes" INTEGER NOT NULL,
    "parameters" JSONB NOT NULL,
    "how" "StartHow",
    "startMs" DOUBLE PRECISION,
    "presenceAtMs" BIGINT NOT NULL DEFAULT 0,
    "debuggers" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "notAfter" TIMESTAMPTZ(3) NOT NULL,
    "readyAt" TIMESTAMPTZ(3),
    "endsAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Session_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "OutboxRow" (
    "id" BIGSERIAL NOT NULL,
    "queue" TEXT NOT NULL,
    "jobId" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "OutboxRow_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "IdempotencyKey" (
    "userId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "bodySha256" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("userId", "key")
);

CREATE TABLE "Submission" (
    "id" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "courseId" TEXT NOT NULL,
    "lab" TEXT NOT NULL,
    "image" TEXT NOT NULL,
    "traceDigest" TEXT NOT NULL,
    "traceHead" TEXT NOT NULL,
    "traceEvents" INTEGER NOT NULL,
    "traceBytes" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Submission_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "Grade" (
    "submissionId" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "outcome" "GradeOutcome" NOT NULL,
    "points" DOUBLE PRECISION NOT NULL,
    "pointsMax" DOUBLE PRECISION NOT NULL,
    "rubricDigest" TEXT NOT NULL,
    "traceDigest" TEXT NOT NULL,
    "graderVersion" TEXT NOT NULL,
    "result" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Grade_pkey" PRIMARY KEY ("submissionId", "version")
);

CREATE TABLE "AuditRow" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "actorId" TEXT,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "requestId" TEXT,
    "details" JSONB NOT NULL,

    CONSTRAINT "AuditRow_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "User_studentNumber_key" ON "User"("studentNumber");
CREATE UNIQUE INDEX "Token_sha256_key" ON "Token"("sha256");
CREATE INDEX "Token_userId_idx" ON "Token"("userId");
CREATE INDEX "Membership_userId_idx" ON "Membership"("userId");
CREATE INDEX "Session_userId_createdAt_idx" ON "Session"("userId", "createdAt");
CREATE INDEX "Session_courseId_lab_createdAt_idx" ON "Session"("courseId", "lab", "createdAt");
CREATE INDEX "Session_state_idx" ON "Session"("state");
CREATE INDEX "OutboxRow_jobId_idx" ON "OutboxRow"("jobId");
CREATE INDEX "IdempotencyKey_createdAt_idx" ON "IdempotencyKey"("createdAt");
CREATE INDEX "IdempotencyKey_sessionId_idx" ON "IdempotencyKey"("sessionId");
CREATE UNIQUE INDEX "Submission_sessionId_key" ON "Submission"("sessionId");
CREATE INDEX "Submission_courseId_lab_userId_createdAt_idx" ON "Submission"("courseId", "lab", "userId", "createdAt");
CREATE INDEX "Submission_userId_idx" ON "Submission"("userId");
CREATE INDEX "AuditRow_subject_idx" ON "AuditRow"("subject");

-- Not in schema.prisma, which has no words for it: one session that has not ended for each student and lab.
CREATE UNIQUE INDEX "Session_one_live" ON "Session"("userId", "courseId", "lab") WHERE "state" NOT IN ('ended', 'failed');

ALTER TABLE "Token" ADD CONSTRAINT "Token_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_courseId_fkey" FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Membership" ADD CONSTRAINT "Membership_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "CourseLab" ADD CONSTRAINT "CourseLab_courseId_fkey" FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_courseId_fkey" FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "IdempotencyKey" ADD CONSTRAINT "IdempotencyKey_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "IdempotencyKey" ADD CONSTRAINT "IdempotencyKey_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "Session"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "Submission" ADD CONSTRAINT "Submission_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "Session"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Submission" ADD CONSTRAINT "Submission_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Submission" ADD CONSTRAINT "Submission_courseId_fkey" FOREIGN KEY ("courseId") REFERENCES "Course"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "Grade" ADD CONSTRAINT "Grade_submissionId_fkey" FOREIGN KEY ("submissionId") REFERENCES "Submission"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
