// Pieces of a prompt as the providers' batch requests want them: base64 text, told apart by media type.
import { WorkflowEngineError } from "../../errors.ts";
import type { Prompt } from "../prompt.ts";

/** The file of a prompt, as base64 text. */
export interface EncodedFile {
  base64: string;
  mediaType: string;
  filename: string | undefined;
}

/** The text pieces and files of a prompt, in their order. */
export function partsOf(prompt: Prompt): Array<{ text: string } | { file: EncodedFile }> {
  if (typeof prompt === "string") return [{ text: prompt }];
  return prompt.map((part) =>
    part.type === "text"
      ? { text: part.text }
      : { file: { base64: toBase64(part.data), mediaType: part.mediaType, filename: part.filename } },
  );
}

function toBase64(given: string | Uint8Array | ArrayBuffer | URL): string {
  const data = given instanceof URL ? given.href : given;
  if (typeof data === "string") {
    if (/^https?:/.test(data)) {
      throw new WorkflowEngineError(
        "INVALID_INPUT",
        "A file in a batch must be base64 text, bytes or a data URL: providers fetch no links.",
      );
    }
    return data.replace(/^data:[^,]*,/, "");
  }
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const step = 0x8000;
  let binary = "";
  for (let at = 0; at < bytes.length; at += step) binary += String.fromCharCode(...bytes.subarray(at, at + step));
  return btoa(binary);
}
