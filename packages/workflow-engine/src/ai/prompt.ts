// What a model is asked: text, or parts with files among them.

/** A part of a prompt: text, or a file by its bytes, its base64 text or its URL. */
export type ContentPart =
  | { type: "text"; text: string }
  | { type: "file"; data: string | Uint8Array | ArrayBuffer | URL; mediaType: string; filename?: string | undefined };

/** A prompt. */
export type Prompt = string | readonly ContentPart[];
