/** One thing that `ringside doctor` looked at. */
export interface Finding {
  readonly name: string;
  readonly state: "good" | "warning" | "bad";
  readonly words: string;
}
