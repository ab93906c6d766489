-- Keys that cells sign the seals of their traces with, as they showed them.

CREATE TABLE "CellKey" (
    "cell" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "publicKey" TEXT NOT NULL,
    "firstSeen" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revokedFrom" TIMESTAMPTZ(3),

    CONSTRAINT "CellKey_pkey" PRIMARY KEY ("cell", "key")
);

-- What was handed in before cells signed has no signature, and is graded without.
ALTER TABLE "Submission" ADD COLUMN "signatureWanted" BOOLEAN NOT NULL DEFAULT false;
