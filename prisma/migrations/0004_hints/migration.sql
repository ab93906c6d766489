-- Of its lab when it was made: what `monitor hint` says in gdb.
ALTER TABLE "Session" ADD COLUMN "hints" JSONB NOT NULL DEFAULT '[]';
