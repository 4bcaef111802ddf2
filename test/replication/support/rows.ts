import type { JournalStatus, PairRow } from '../../../src/host/operations.ts';

/** Rows as an idle group has them; tests name what differs. */

export const GENERATION_1 = '1111111111111111';
export const GENERATION_2 = '2222222222222222';
export const GENERATION_3 = '3333333333333333';

export const EMPTY_JOURNAL: JournalStatus = {
  group: 'oradb',
  role: 'primary',
  state: 'pair',
  suspendReason: 'none',
  consistent: true,
  fenced: false,
  damaged: false,
  localJournalLun: 20,
  peerJournalLun: 20,
  peerSerial: '',
  generation: GENERATION_1,
  headLba: 100,
  endLba: 1100,
  journalOutSequence: 1,
  journalOutLba: 100,
  journalInSequence: 1,
  journalInLba: 100,
  restoredSequence: 0,
  restoredLba: 100,
  toBeRestoredSequence: 0,
  toBeRestoredLba: 100,
  readSequence: 0,
  readLba: 100,
  toBeReadSequence: 0,
  toBeReadLba: 100,
  usedBlocks: 0,
  usedRecords: 0,
  recordLimit: 1000,
  oldestWallMs: 0,
  newestWallMs: 0,
  peerSeenSequence: 0,
  peerSeenWallMs: 0,
  readProof: 0,
  errorText: '',
  lastGeneration: GENERATION_1,
  lineage: [{ generation: GENERATION_1, startSequence: 0 }],
};

export const EMPTY_PAIR: PairRow = {
  group: 'oradb',
  pair: 'data',
  role: 'primary',
  state: 'pair',
  suspendReason: 'none',
  consistent: true,
  slot: 0,
  access: 'read-write',
  primaryLun: 10,
  auxiliaryLun: 10,
  primaryJournalLun: 20,
  auxiliaryJournalLun: 20,
  primarySerial: 'TOKYO',
  auxiliarySerial: 'OSAKA',
  chunkBytes: 65536,
  copyChunks: 3,
  copiedChunks: 3,
  differentChunks: 0,
  consistentFrom: 0,
  blockCount: 2048,
};
