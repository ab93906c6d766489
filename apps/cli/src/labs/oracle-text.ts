import type { Bilingual, LabOracle, OracleFunction, OracleStop, Submission } from "@ringside/shared";
import { table } from "../output/table.ts";

type Grade = NonNullable<Submission["grade"]>;

/** A grade's verdicts, a line for each check. */
export function verdictTable(grade: Grade, language: keyof Bilingual): string {
  const rows = grade.verdicts.map(({ check, points, pointsMax, verdict, evidence, reason }) => [
    check,
    `${points}/${pointsMax}`,
    verdict,
    evidence.join(" "),
    reason[language],
  ]);
  return table(["check", "points", "verdict", "events", "reason"], rows);
}

/** What the rubric's functions are in this image, and where the model solution stopped. */
export function oracleText(oracle: LabOracle): string {
  const { image, functions, stops, stopsLeftOut } = oracle;
  const values = Object.entries(oracle.parameters).map(([name, value]) => `${name}=${value}`);
  return [
    `image       ${image.name} ${image.digest.slice(0, 12)}, Linux ${image.kernelRelease}`,
    `parameters  ${values.join(" ")}`,
    "",
    table(
      ["rubric's name", "in this image", "entry", "break lands at", "arguments there"],
      functions.flatMap(functionRows),
    ),
    "",
    table(["event", "seconds", "stopped at", "arguments", "called from"], stops.map(stopRow)),
    ...(stopsLeftOut > 0 ? [`and ${stopsLeftOut} stops more`] : []),
  ].join("\n");
}

function functionRows({ name, places }: OracleFunction): readonly (readonly string[])[] {
  if (places.length === 0) return [[name, "(not there)", "", "", ""]];
  return places.map(({ names, entry, breakpoint, params }, index) => [
    index === 0 ? name : "",
    names.join(", "),
    entry,
    breakpoint ?? "(no debug information)",
    params.map(({ name: each, register }) => `${each} in ${register ?? "memory"}`).join(", "),
  ]);
}

function stopRow(stop: OracleStop): readonly string[] {
  const { event, t, course, names, address, position, calls, syscall, cause } = stop;
  const place = [...new Set([...course.slice(0, 1), ...names.slice(0, 1)])].join(" = ");
  const how = position === "breakpoint" || position === null ? "" : ` (${position})`;
  const values = stop.arguments.map(({ name, register, value }) =>
    [name, value === null ? "unknown" : numberText(value), register === null ? "" : `in ${register}`]
      .filter(Boolean)
      .join(" "),
  );
  return [
    String(event),
    (t / 1_000).toFixed(3),
    `${place || (address ?? "?")}${how}${cause === "breakpoint" ? "" : `, ${cause}`}`,
    [...values, ...(syscall === null ? [] : [`system call ${syscall}`])].join(", "),
    calls.join(" < "),
  ];
}

/** Up to there a number is a count or a size; above, it is an address or a set of bits. */
const DECIMAL_MAX = 65_535n;

function numberText(value: string): string {
  const number = BigInt(value);
  return number > DECIMAL_MAX ? `0x${number.toString(16)}` : value;
}
