import { purgeJournal, restoreJournal } from '../../src/replication/journal.ts';
import { copiedPairsMask } from '../../src/replication/plan-cycle.ts';
import {
  acquire,
  create,
  drain,
  groupOf,
  inTurn,
  lose,
  PAIR,
  restore,
  resync,
  slowly,
  split,
  writeOn,
  type Act,
  type Operation,
} from './acts.ts';
import { contentOf } from './history.ts';
import { sleep } from './scheduler.ts';
import type { World } from './world.ts';

type Write = (chunk: number, forceUnitAccess?: boolean) => Promise<void>;
type Free = (chunk: number) => Promise<void>;

/**
 * Moments that no seed meets often: one part takes its time, so that others go on, or what comes late comes after all. They are
 * cut at every place like commands; where the moment itself is what matters, a few places are enough.
 */
const TOKYO = 0;
const OSAKA = 1;
const JOURNAL = /\.journal$/;
const DATA = /\.data$/;
const MAP = /\.map$/;
const TABLES = /^state/;
const DIFFERENCES = /^differences-/;

/** What matters is written by name. */
const SILENT = { thinkMs: 100_000 };
const SMALL_CHUNKS = { SMALLEST_CHUNK_BYTES: 4_096 };
/** Of 4096 bytes each, in two pieces of the map. */
const SECTORS_PER_CHUNK = 8;
const NEAR_CHUNK = 0;
const FAR_CHUNK = 200;
/** A small volume has so many. */
const CHUNKS = 16;

const pause =
  (ms: number): Act =>
  (_context, world) =>
    sleep(world.scheduler, { alive: true }, ms);

const purge: Act = (context, world) => purgeJournal(context, groupOf(world), {});

/** Half of what was acquired; its volumes become durable only after the group has been split and resynced. */
const restoreHalf: Act = async (context, world) => {
  const { name } = groupOf(world);
  const { restoredSequence, readSequence } = await context.arrays.get('osaka')!.showJournal(name);
  const toSequence = restoredSequence + Math.ceil((readSequence - restoredSequence) / 2);
  await restoreJournal(context, groupOf(world), { toSequence });
};

/** The journal cannot be flushed from its next flush on. */
const journalFails: Act = async (_context, world) => world.arrays[TOKYO].disk.strike('lun-20.journal', 'flush');

/** The same; half of what that flush was to write is durable. */
const journalFailsHalfway: Act = async (context, world) => {
  const { disk } = world.arrays[TOKYO];
  disk.options = { ...disk.options, flushedShare: 0.5 };
  await journalFails(context, world);
};

/** Somebody puts back a copy of the primary that is older than what its auxiliary has read, and it goes on writing. */
const goBack: Act = async (context, world) => {
  const tokyo = world.arrays[TOKYO];
  const putBack = world.copy(tokyo);
  await inTurn(writeOn, drain)(context, world);
  world.stop(tokyo, true);
  putBack?.();
  world.start(tokyo);
  await inTurn(writeOn, writeOn, writeOn, drain)(context, world);
};

/** A purge that tells of all pairs as copied is on its way while the group is split, written to and resynced. */
const purgeLate: Act = async (context, world) => {
  const { name: group } = groupOf(world);
  const [tokyo, osaka] = [context.arrays.get('tokyo')!, context.arrays.get('osaka')!];
  const { readSequence: toSequence, generation, readProof: proof, life, changes } = await osaka.showJournal(group);
  const copiedPairs = copiedPairsMask(await osaka.showPairs(group));
  await inTurn(split, writeOn)(context, world);
  const line = world.network.link('tokyo', 'osaka');
  line.up = false;
  await resync(context, world);
  await tokyo.purge({ group, toSequence, generation, proof, copiedPairs, life, changes });
  line.up = true;
};

/** Hosts that do one thing after the other, on the first volume at tokyo; what fails fails. */
const hosts =
  (work: (parts: { readonly write: Write; readonly free: Free; readonly world: World }) => Promise<unknown>): Act =>
  async (_context, world) => {
    const [group] = world.groups;
    const tokyo = world.arrays[TOKYO];
    const { firstLun } = group!.at(tokyo);
    const life = { alive: true };
    const opening = world.access.opener('mover', life, world.tap).open(world.access.path(tokyo, firstLun));
    opening.catch(() => undefined);
    const deallocate = world.access.deallocator('mover', life, world.tap);
    const write: Write = async (chunk, forceUnitAccess = true) => {
      const { id, first, count } = group!.model.announce(0, chunk * SECTORS_PER_CHUNK, SECTORS_PER_CHUNK);
      await (await opening).write(first, contentOf(id, count), { timeoutMs: 1_000, forceUnitAccess });
    };
    const free: Free = (chunk) => deallocate(tokyo, firstLun, chunk * SECTORS_PER_CHUNK, SECTORS_PER_CHUNK);
    await work({ write, free, world }).catch((error: unknown) => world.note(`mover: ${String(error)}`));
  };

const writes = (...chunks: readonly number[]): Act =>
  hosts(async ({ write }) => {
    for (const chunk of chunks) await write(chunk);
  });

/** What they leave is nowhere but in the page cache for a while. */
const burst = (count: number, apartMs: number, chunks = CHUNKS): Act =>
  hosts(async ({ write, world }) => {
    for (let time = 0; time < count; time += 1) {
      await write(time % chunks, false);
      await sleep(world.scheduler, { alive: true }, apartMs);
    }
  });

/** A power cut that leaves records behind a hole. */
const leaveHole: Act = async (context, world) => {
  const { disk } = world.arrays[TOKYO];
  const { options } = disk;
  disk.options = { ...options, fate: 'late' };
  await slowly(TOKYO, JOURNAL, 400, burst(20, 2))(context, world);
  lose(world, TOKYO);
  disk.options = options;
  await pause(100)(context, world);
};

/** Its writes stand in the page cache alone when it is killed, and the power goes while the next start makes them durable. */
const killThenCut: Act = async (context, world) => {
  const tokyo = world.arrays[TOKYO];
  const { options } = tokyo.disk;
  tokyo.disk.options = { ...options, fate: 'late' };
  const killed: Act = async () => {
    world.stop(tokyo, false);
    world.start(tokyo);
    await pause(100)(context, world);
    lose(world, TOKYO);
  };
  await slowly(TOKYO, JOURNAL, 400, inTurn(burst(8, 1), killed))(context, world);
  tokyo.disk.options = options;
  await pause(200)(context, world);
};

/** Each begins while the mark of the one before is on its way to the disk. */
const writesApart = (chunkCount: number, apartMs: number): Act =>
  hosts(async ({ write, world }) => {
    const written: Array<Promise<unknown>> = [];
    for (let chunk = 0; chunk < chunkCount; chunk += 1) {
      written.push(write(chunk).catch(() => undefined));
      await sleep(world.scheduler, { alive: true }, apartMs);
    }
    await Promise.all(written);
  });

/**
 * A place is given back by one chunk and asked for by another whose entry in the map lies elsewhere. More than once: so one of the
 * entries comes to stand in two sectors side by side, which a cut can take in one.
 */
const exchangePlaces = hosts(async ({ write, free }) => {
  for (let time = 0; time < 3; time += 1) {
    await write(NEAR_CHUNK);
    await free(NEAR_CHUNK);
  }
  await write(FAR_CHUNK);
});

const freeNear = hosts(({ free }) => free(NEAR_CHUNK));

const together =
  (...acts: readonly Act[]): Act =>
  async (context, world) => {
    await Promise.all(acts.map((act) => act(context, world)));
  };

/** Orders to read, past the verb and its patience: whoever carries them out meets the primary anew each time. */
const acquireAgain =
  (count: number, apartMs: number): Act =>
  async (context, world) => {
    const { name: group } = groupOf(world);
    for (let time = 1; time <= count; time += 1) {
      await pause(apartMs)(context, world);
      const ordered = context.arrays.get('osaka')!.acquire({ group, toSequence: 1_000 * time });
      void ordered.catch(() => undefined);
    }
  };

/** By hand at the primary alone: its auxiliary hears nothing of it. */
const suspendUnseen: Act = async (context, world) => {
  const { name: group } = groupOf(world);
  const tokyo = context.arrays.get('tokyo')!;
  const { generation, lineage } = await tokyo.showJournal(group);
  await tokyo.splitGroup(group);
  await writes(NEAR_CHUNK)(context, world);
  await tokyo.resyncGroup({ group, role: 'primary', discard: false, generation, lineage });
};

/** By hand at the auxiliary alone: its primary goes on, and marks nothing. */
const suspendAuxiliary: Act = (context, world) => context.arrays.get('osaka')!.splitGroup(groupOf(world).name);

/** Past the verb, which restores first. */
const takeOverByHand: Act = (context, world) =>
  context.arrays
    .get('osaka')!
    .takeOver({ group: groupOf(world).name, acceptInconsistent: false, giveUpDamaged: false });

/** Places on the volumes cannot be given for a moment: what needs none is restored before, and seen. */
const restoreWithoutRoom: Act = async (context, world) => {
  world.arrays[OSAKA].disk.strike('lun-10.map', 'write');
  await restore(context, world);
  await pause(200)(context, world);
};

export const SITUATIONS: Readonly<Record<string, Operation>> = {
  'purge while tables of the other side are slow': {
    before: [...PAIR, writeOn],
    act: slowly(OSAKA, TABLES, 100, inTurn(acquire, pause(150), purge)),
  },
  'copy from an array that may restart': {
    before: [...PAIR, split, writes(NEAR_CHUNK)],
    act: slowly(
      TOKYO,
      JOURNAL,
      30,
      slowly(OSAKA, DATA, 300, together(inTurn(resync, pause(200)), burst(60, 8), acquireAgain(25, 20))),
    ),
    options: { ...SILENT, volumes: 1, tunables: { FAILURE_RETRY_MS: 10 } },
    fates: ['lost'],
  },
  'resync while restored volumes are flushed': {
    before: [...PAIR, writes(0, 1, 0, 1, 0, 1), acquire, pause(20)],
    act: slowly(OSAKA, DATA, 400, inTurn(restoreHalf, pause(5), split, writes(0, 1), resync, pause(600), drain)),
    options: { ...SILENT, volumes: 1 },
  },
  'a primary that was suspended unseen': {
    before: [...PAIR, writes(NEAR_CHUNK), acquire, pause(20)],
    act: inTurn(suspendUnseen, writes(1, 2, 3), drain),
    options: { ...SILENT, volumes: 1 },
  },
  'a map that is emptied late': {
    before: [...PAIR, writes(2), split, writes(3), resync],
    act: inTurn(drain, pause(60), drain, split, writes(7), resync, drain),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
    fates: ['lost'],
  },
  'a resync of the auxiliary alone': {
    before: [...PAIR, writes(2)],
    act: inTurn(split, pause(60), resync, drain, suspendAuxiliary, resync, drain, split, writes(7), resync, drain),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
    fates: ['lost'],
  },
  'a journal that cannot be flushed': {
    before: PAIR,
    act: inTurn(journalFails, burst(12, 4)),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
  },
  'a journal that is forgotten': {
    before: PAIR,
    act: inTurn(journalFailsHalfway, burst(12, 1, 2)),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
    kills: true,
  },
  'a primary that is killed before the power goes': {
    before: PAIR,
    act: killThenCut,
    options: { ...SILENT, volumes: 1 },
  },
  'writes into a hole': { before: PAIR, act: inTurn(leaveHole, burst(18, 2)), options: { ...SILENT, volumes: 1 } },
  'a ring that is full of what nobody restores': {
    before: PAIR,
    act: inTurn(writes(0, 1, 2, 3, 4, 5), acquire, pause(20), purge, writes(0, 1, 2, 3, 4, 5), acquire, pause(20)),
    options: { ...SILENT, volumes: 1, ringRecords: 8 },
  },
  'takeover by hand': { before: [...PAIR, writes(0, 1), acquire, pause(20)], act: takeOverByHand, options: SILENT },
  'an older primary goes on': {
    before: PAIR,
    act: goBack,
    options: { volumes: 1, longestWrite: 1, deallocateRate: 0 },
  },
  'a purge that is late': { before: PAIR, act: purgeLate },
  'restore without room': {
    before: [writes(0, 1), ...PAIR, writes(0, 0, 1, 20), acquire, pause(20)],
    act: restoreWithoutRoom,
    options: {
      ...SILENT,
      volumes: 1,
      sectors: 384,
      tunables: { ...SMALL_CHUNKS, RECORDS_PER_TURN: 1, FAILURE_RETRY_MS: 10 },
    },
  },
  'restore while the copy waits for a place': {
    before: [writes(NEAR_CHUNK)],
    act: slowly(OSAKA, MAP, 150, inTurn(create, pause(30), freeNear, acquire, pause(15), restore, pause(300))),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
  },
  'writes beside a lost peer': {
    before: [...PAIR, split],
    act: slowly(TOKYO, DIFFERENCES, 20, writesApart(10, 7)),
    options: { ...SILENT, volumes: 1, tunables: SMALL_CHUNKS },
  },
  'places that change hands': {
    before: [],
    act: exchangePlaces,
    options: { ...SILENT, volumes: 1, sectors: 2_048, tunables: { ...SMALL_CHUNKS, ALLOCATE_AHEAD: 0 } },
    fates: ['late'],
  },
};
