const MIB = 1024 * 1024;

/** Bytes that one connection may have in memory, of Data-In and of Data-Out that it was asked for. */
const OF_A_CONNECTION = 64 * MIB;
/**
 * Bytes of each of the two for the sessions of a target together. Those that came early keep what they took when they were few: 128
 * sessions that come one after the other and give nothing back have 1.1 GiB.
 */
const OF_THE_TARGET = 256 * MIB;
/** Data that comes unasked cannot be held back, only refused: so much for each session in any case, or it would be refused to the quick ones. */
const UNASKED_OF_THE_TARGET = 1024 * MIB;

/**
 * What each of so many sessions may have: shares, not one room for all, so that nobody waits for a peer that never takes its data or
 * never sends it.
 */
export function shareOfRoom(sessions: number): number {
  return Math.min(OF_A_CONNECTION, Math.floor(OF_THE_TARGET / Math.max(1, sessions)));
}

/** The same for immediate and other unsolicited data. */
export function shareOfUnaskedRoom(sessions: number): number {
  return Math.min(OF_A_CONNECTION, Math.floor(UNASKED_OF_THE_TARGET / Math.max(1, sessions)));
}
