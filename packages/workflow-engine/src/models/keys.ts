// The names by which models are asked for. Kept apart from the catalogue so that authoring code (config presets) can name the
// default model without loading prices.

/** Key of the model used when a stage or a call names none. */
export const DEFAULT_MODEL_KEY = "gemini-2.5-flash";

/** Key under which a model is registered: any text, with the default offered by the editor. */
export type ModelKey = typeof DEFAULT_MODEL_KEY | (string & Record<never, never>);
