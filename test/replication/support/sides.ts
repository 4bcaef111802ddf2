import type { JournalStatus, PairRow } from '../../../src/host/operations.ts';
import type { ArrayObservation, GroupObservation, PresentSide } from '../../../src/replication/observe.ts';
import type { LineageEntry } from '../../../src/interface-block/process-table.ts';
import { EMPTY_JOURNAL, EMPTY_PAIR } from './rows.ts';

type Name = 'tokyo' | 'osaka';
const SERIALS = { tokyo: 'TOKYO', osaka: 'OSAKA' } as const;

/** One side of an observation, idle at write 5 unless the test says otherwise. */
export function side(array: Name, journal: Partial<JournalStatus> = {}, pair: Partial<PairRow> = {}): PresentSide {
  const peerSerial = array === 'tokyo' ? SERIALS.osaka : SERIALS.tokyo;
  const at = {
    journalOutSequence: 6,
    journalInSequence: 6,
    restoredSequence: 5,
    toBeRestoredSequence: 5,
    readSequence: 5,
    toBeReadSequence: 5,
  };
  const lineage = journal.lineage ?? EMPTY_JOURNAL.lineage;
  const generation = journal.generation ?? lineage.at(-1)?.generation ?? '0'.repeat(16);
  return {
    array,
    serial: SERIALS[array],
    reachable: true,
    absent: false,
    journal: {
      ...EMPTY_JOURNAL,
      ...at,
      peerSerial,
      ...journal,
      lineage,
      generation,
      lastGeneration: journal.lastGeneration ?? generation,
    },
    pairs: [{ ...EMPTY_PAIR, ...pair }],
    journalBlockBytes: 512,
  };
}

export function unreachable(array: Name): ArrayObservation {
  return {
    array,
    serial: SERIALS[array],
    reachable: false,
    error: { kind: 'no-path', message: `no path to ${array}` },
  };
}

export function absent(array: Name): ArrayObservation {
  return { array, serial: SERIALS[array], reachable: true, absent: true };
}

export function observation(first: ArrayObservation, second: ArrayObservation): GroupObservation {
  return { group: 'oradb', observedAtMs: 1_700_000_100_000, sides: [first, second] };
}

/** `lineageOf(['aa', 0], ['bb', 7])`: generations with the write that each began after. */
export function lineageOf(...rows: readonly (readonly [string, number])[]): LineageEntry[] {
  return rows.map(([generation, startSequence]) => ({ generation, startSequence }));
}
