// Every schema of the API in one place.
export * from "./records.ts";
export * from "./requests.ts";
export * from "./text.ts";
