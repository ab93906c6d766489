-- Where a lab's machines wait for their student.

CREATE TYPE "MachineStart" AS ENUM ('prompt', 'power_on');

ALTER TABLE "Session" ADD COLUMN "machineStart" "MachineStart" NOT NULL DEFAULT 'prompt';
