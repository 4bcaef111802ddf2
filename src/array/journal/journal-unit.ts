import { NO_LIFE } from '../../interface-block/lives.ts';
import { checkCondition } from '../../scsi/fault.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import type { GroupRuntime } from '../group/group-runtime.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { unitSerial } from '../remote-interface.ts';
import { worldWideNameOf } from '../units.ts';
import { localLun, NO_GENERATION, type GroupState, type Position } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { HEADER_BLOCKS, JOURNAL_BLOCK_SIZE, MAP_BLOCKS } from './geometry.ts';
import { encodeHeader, type HeaderPair } from './header.ts';
import type { JournalVolume } from './journal-volume.ts';

export interface JournalUnitParts {
  readonly arraySerial: string;
  readonly lun: number;
  readonly name: string;
  readonly journal: JournalVolume;
  /** The group that uses the journal at this moment. */
  readonly runtime: () => GroupRuntime | undefined;
  readonly incarnation: () => number;
  readonly wallMs: () => number;
  readonly volume: (lun: number) => Volume;
}

/**
 * A journal volume as the far array reads it (S1302): the generated header, the regions of Fig. 12, and behind the
 * volume's end the difference maps of the group's pairs. Nobody writes to it from outside.
 */
export function createJournalUnit(parts: JournalUnitParts): LogicalUnit {
  const { journal, arraySerial, lun } = parts;
  const { geometry } = journal;

  /** What the header shows as stored is durable, and everything acknowledged before the READ is in it. */
  async function header(): Promise<Uint8Array> {
    const runtime = parts.runtime();
    if (!runtime) return encodeHeader({ ...emptyHeader(), wallMs: parts.wallMs() });
    await runtime.showLife();
    const { group, tail } = await runtime.settled();
    return groupHeader(group, tail);
  }

  function emptyHeader(): Parameters<typeof encodeHeader>[0] {
    return {
      version: 1,
      role: 'simplex',
      suspendReason: 'none',
      serial: arraySerial,
      peerSerial: '',
      group: '',
      recordLimit: geometry.recordLimit,
      headLba: geometry.headLba,
      endLba: geometry.endLba,
      mapLba: geometry.mapLba,
      purgedSequence: 0,
      purgedOffset: 0,
      storedSequence: 0,
      storedOffset: 0,
      followGeneration: NO_GENERATION,
      followSequence: 0,
      incarnation: parts.incarnation(),
      wallMs: 0,
      lineage: [],
      pairs: [],
      changes: 0,
      seenLife: NO_LIFE,
      seenChanges: 0,
      seenSequence: 0,
      lives: [],
    };
  }

  function groupHeader(group: GroupState, tail: Position): Uint8Array {
    return encodeHeader({
      ...emptyHeader(),
      role: group.role,
      suspendReason: group.suspendReason,
      peerSerial: group.peerSerial,
      group: group.name,
      purgedSequence: group.purged.sequence,
      purgedOffset: group.purged.offset,
      storedSequence: tail.sequence,
      storedOffset: tail.offset,
      followGeneration: group.followFrom.generation,
      followSequence: group.followFrom.sequence,
      wallMs: parts.wallMs(),
      lineage: group.lineage,
      changes: group.changes ?? 0,
      seenLife: group.peerLife?.life ?? NO_LIFE,
      seenChanges: group.peerLife?.changes ?? 0,
      seenSequence: group.peerLife?.sequence ?? 0,
      lives: group.lives ?? [],
      pairs: group.pairs.map((pair): HeaderPair => {
        const { description, chunkBytes } = parts.volume(localLun(group, pair));
        const { blockSize, blockCount } = description;
        const { slot, primaryLun, auxiliaryLun, noCopy, fresh = false } = pair;
        return { slot, fresh, primaryLun, auxiliaryLun, noCopy, blockSize, blockCount, chunkBytes };
      }),
    });
  }

  /** Lays the difference maps over the part of a READ that lies behind the volume: each map is copied once. */
  function readMaps(target: Uint8Array, lba: number, count: number): void {
    const runtime = parts.runtime();
    for (const { slot } of runtime?.state().pairs ?? []) {
      const first = geometry.mapLba + slot * MAP_BLOCKS;
      if (!runtime || first >= lba + count || first + MAP_BLOCKS <= lba) continue;
      const from = Math.max(first, lba);
      const to = Math.min(first + MAP_BLOCKS, lba + count);
      const bits = runtime.differences(slot).bytes();
      const part = bits.subarray((from - first) * JOURNAL_BLOCK_SIZE, (to - first) * JOURNAL_BLOCK_SIZE);
      target.set(part, (from - lba) * JOURNAL_BLOCK_SIZE);
    }
  }

  /** Whoever reads is to know that the medium is at fault, and not the array. */
  function readStored(lba: number, count: number): Uint8Array {
    try {
      return journal.readBlocks(lba, count);
    } catch (error) {
      const what = `journal ${parts.name} cannot be read from block ${lba} on: ${String(error)}`;
      throw checkCondition(SENSE_KEY.mediumError, 0x11, 0x00, what);
    }
  }

  return {
    lun,
    kind: 'journal',
    name: parts.name,
    serial: unitSerial(arraySerial, lun),
    worldWideName: worldWideNameOf(arraySerial, lun),
    blockSize: JOURNAL_BLOCK_SIZE,
    blockCount: geometry.lunBlockCount,
    access: () => 'read-only',
    async read(lba, count) {
      const bytes = new Uint8Array(count * JOURNAL_BLOCK_SIZE);
      const head = lba < HEADER_BLOCKS ? await header() : undefined;
      const stored = Math.min(lba + count, geometry.blockCount) - lba;
      if (stored > 0) bytes.set(readStored(lba, stored), 0);
      if (head) bytes.set(head.subarray(lba * JOURNAL_BLOCK_SIZE, (lba + count) * JOURNAL_BLOCK_SIZE), 0);
      readMaps(bytes, lba, count);
      return bytes;
    },
    async write() {
      throw checkCondition(0x07, 0x27, 0x00, `journal ${parts.name} is written by its array only`);
    },
    flush: () => journal.flush(),
  };
}
