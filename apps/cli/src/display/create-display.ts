// Which display fits: JSON when asked for, live lines on a terminal that can move its cursor, else appended lines.
import type { Display } from "./display.ts";
import { createJsonDisplay } from "./json.ts";
import { createPlainDisplay } from "./plain.ts";
import { createTtyDisplay } from "./tty.ts";

/** The display for stdout. */
export function createDisplay(isJson: boolean): Display {
  if (isJson) return createJsonDisplay();
  return process.stdout.isTTY && process.env["TERM"] !== "dumb" ? createTtyDisplay() : createPlainDisplay();
}
