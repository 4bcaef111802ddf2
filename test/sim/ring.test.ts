import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { ArrayState, GroupState } from '../../src/array/store/array-state.ts';
import { createFindings } from './checkers/checker.ts';
import { watchRing } from './checkers/ring.ts';
import { createDisk } from './disk.ts';
import { createDraws } from './randomness.ts';
import { createScheduler, type Life } from './scheduler.ts';
import { createSide } from './side.ts';
import type { StatePeek } from './state-peek.ts';

const RECORDS = 12;
const HEADER_BLOCKS = 8;
const RING_BLOCKS = RECORDS * 8;
const BLOCK = 512;
const JOURNAL = 'lun-20.journal';

/** One side of a group whose tables say what a test wants, and its journal, a block to each unit of length. */
function createStage() {
  const scheduler = createScheduler();
  const disk = createDisk(scheduler, createDraws(1, 'disk'), { flushMs: 1, stallRate: 0, garbage: false });
  const tables = { group: undefined as GroupState | undefined, returns: 0 };
  const peek = {
    state: () => ({ groups: tables.group ? [tables.group] : [] }) as unknown as ArrayState,
    returns: () => tables.returns,
  } as StatePeek;
  const place = { name: 'tokyo', groupName: 'oradb', firstLun: 10, journalLun: 20, serial: 'TK000001' };
  const side = createSide({ ...place, disk, peek, volumes: 1, sectors: 128 });
  const findings = createFindings();
  const { watcher } = watchRing(disk, side, RECORDS, findings);
  disk.watcher = watcher;
  const life: Life = { alive: true };
  const journal = () => disk.storage(life).open(JOURNAL);
  return {
    found: () => findings.first()?.message,
    /** Puts back what it has now, called. */
    copy: async (): Promise<() => void> => {
      const state = { durable: false };
      void journal()
        .flush()
        .then(() => (state.durable = true));
      while (!state.durable && (await scheduler.step())) continue;
      const copied = disk.copy()!;
      return () => {
        disk.putBack(copied);
        tables.returns += 1;
      };
    },
    /** The tables become durable so. */
    commit: (group: Partial<GroupState>) => {
      tables.group = { name: 'oradb', ...group } as GroupState;
      watcher.flushed('state');
    },
    store: (sequence: number, offset: number, blockCount: number) => {
      const dataLba = HEADER_BLOCKS + RECORDS + (offset % RING_BLOCKS);
      const data = new Uint8Array(blockCount * BLOCK).fill(sequence);
      const file = journal();
      file.write(data, dataLba * BLOCK);
      const metadata = new Uint8Array(BLOCK);
      metadata.set(Buffer.from('CDCTLREC', 'latin1'));
      const view = new DataView(metadata.buffer);
      view.setBigUint64(8, BigInt(sequence));
      view.setUint32(44, blockCount);
      view.setBigUint64(56, BigInt(offset));
      view.setBigUint64(64, BigInt(dataLba));
      view.setUint32(72, crc32(data));
      file.write(metadata, (HEADER_BLOCKS + (sequence % RECORDS)) * BLOCK);
    },
  };
}

const at = (sequence: number, offset: number) => ({ sequence, offset });
const LEADS = { role: 'primary', purged: at(0, 0) } as const;
const follows = (sequence: number, offset: number) =>
  ({ role: 'auxiliary', following: true, read: at(sequence, offset), restored: at(sequence, offset) }) as const;

describe('the checker of the ring', () => {
  it('knows where an auxiliary goes on that stored another record of that number when it led', () => {
    const { commit, store, found } = createStage();
    commit(LEADS);
    store(1, 0, 7);
    store(2, 7, 6);
    commit({ ...LEADS, role: 'auxiliary', following: false, restored: at(0, 0), read: at(0, 0) });
    commit(follows(2, 20));
    store(3, 20, 4);
    store(4, 24, 1);
    expect(found()).toBeUndefined();
  });

  it('finds a record of an auxiliary that is not where its primary goes on', () => {
    const { commit, store, found } = createStage();
    commit(follows(2, 20));
    store(3, 21, 4);
    expect(found()).toContain('record 3 lies in block 11');
  });

  it('finds a record that leaves a gap behind the one before it', () => {
    const { commit, store, found } = createStage();
    commit(follows(2, 20));
    store(3, 20, 4);
    expect(found()).toBeUndefined();
    store(4, 25, 1);
    expect(found()).toContain('record 4 lies in block 12');
  });

  it('goes on behind the record that an older copy of the storage brought back', async () => {
    const { commit, store, found, copy } = createStage();
    commit(LEADS);
    store(1, 0, 7);
    const putBack = await copy();
    store(1, 0, 9);
    putBack();
    store(2, 7, 1);
    expect(found()).toBeUndefined();
  });
});
