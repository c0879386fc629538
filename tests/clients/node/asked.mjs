// What all clients are given.
export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const LEAVE_AFTER = 5; // Pieces of a stream.
