// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

/** The codex version these types were generated from. */
export const CODEX_PROTOCOL_VERSION = "0.169.0";
