// What the check of pages answers.

/** What a check of some pages found; each problem starts with `file:line`. */
export interface DocsReport {
  pages: number;
  blocks: number;
  checked: number;
  run: number;
  problems: string[];
  /** With `--fill`: how many examples the blocks are, some of which show two. */
  examples?: number;
}
