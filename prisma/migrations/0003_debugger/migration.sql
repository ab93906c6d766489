-- What becomes of a machine that stands for a debugger which hangs up.

CREATE TYPE "OnDisconnect" AS ENUM ('run', 'stay');

ALTER TABLE "Session" ADD COLUMN "onDisconnect" "OnDisconnect" NOT NULL DEFAULT 'run';
