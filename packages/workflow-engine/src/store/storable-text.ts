// Text that every database takes: what somebody else wrote (a message, a prompt, an answer) must not keep a row from being written (P20).

/** Replaces NUL and lone surrogates, which PostgreSQL refuses and which would poison a batch. */
export function toStorableText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes("\u0000") ? wellFormed.replaceAll("\u0000", "\uFFFD") : wellFormed;
}
