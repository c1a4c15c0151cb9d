/** Why one packet has no Ethernet form; becomes a FormatError with the link type's name. */
export class Refusal extends Error {}
