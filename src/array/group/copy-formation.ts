import { isAllZero } from '../../base/bytes.ts';
import { JOURNAL_BLOCK_SIZE, MAP_BLOCKS } from '../journal/geometry.ts';
import type { JournalHeader } from '../journal/header.ts';
import type { Lun } from '../../lun/lun.ts';
import type { ChunkMap } from '../store/chunk-map.ts';
import { isActive, type GroupState, type PairState } from '../store/array-state.ts';
import type { Volume } from '../store/volume.ts';
import { announceChange, applyChange, writeOf } from './change.ts';
import {
  openPeerJournal,
  PEER_TIMEOUT_MS,
  PeerError,
  readPeerHeader,
  type FollowerContext,
  type StepResult,
} from './follower.ts';
import { suspend, updatePair } from './transitions.ts';
import { distrust } from './distrust.ts';
import { judgeHeader } from './follow-rules.ts';
import { meet } from './lives.ts';

/**
 * The copy forming section (705; Fig. 11, S1103): the auxiliary side reads from the primary volume every chunk that
 * either side's difference map names, while hosts go on writing to it. The copy alone is a blur; together with the
 * journal up to the last record stored when it ended it is exact.
 *
 * Chunks count as copied at checkpoints: flushed here, and the primary (whose header is read after its journal has
 * become durable) has not restarted meanwhile. Otherwise a chunk could hold a write that a power cut took from it.
 */
const READ_BYTES = 1024 * 1024;
const DEPTH = 4;
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** On a slow line less is copied until the next one: whoever watches sees that something moves, and a failure costs less. */
const CHECKPOINT_MS = 5000;

export async function copyStep(context: FollowerContext): Promise<StepResult> {
  const epoch = context.epoch();
  const group = context.state();
  if (group.role !== 'auxiliary' || !isActive(group) || !group.following) return 'idle';
  const pair = group.pairs.find((candidate) => candidate.progress === 'copy' && !candidate.copied);
  if (!pair) return 'idle';
  const header = await readPeerHeader(context);
  if (epoch !== context.epoch()) return 'again';
  if (!mayGoOn(context, header)) return leaveCopy(context, epoch, header);
  if (!pair.copyBegun) await beginCopy(context, epoch, pair, header);
  else await copySome(context, epoch, pair, header);
  return 'again';
}

/** A primary that has not been suspended since it was first met, not even for a moment: its journal would have a gap. */
function mayGoOn(context: FollowerContext, header: JournalHeader): boolean {
  return judgeHeader(context.state(), header).kind === 'follow';
}

async function leaveCopy(context: FollowerContext, epoch: number, header: JournalHeader): Promise<StepResult> {
  const contact = judgeHeader(context.state(), header);
  if (contact.kind === 'older-copy') {
    await distrust(context, epoch, contact.which);
    return 'idle';
  }
  if (contact.kind !== 'peer-suspended') {
    throw new PeerError(`the peer is ${header.role}, suspended: ${header.suspendReason}`);
  }
  await context.update(epoch, (state) => suspend(state, 'peer-suspended', state.read));
  return 'idle';
}

/**
 * Joins the difference maps of both sides; both were complete before the primary's journal began to flow, and the
 * primary's names what it has stored since for a pair that was not formed here yet.
 */
async function beginCopy(
  context: FollowerContext,
  epoch: number,
  pair: PairState,
  header: JournalHeader,
): Promise<void> {
  const differences = context.differences(pair.slot);
  checkFit(context, pair, header, differences);
  const ofPeer = await readPeerMap(context, pair, header, differences);
  if (epoch !== context.epoch()) return;
  if (pair.noCopy) await differences.clearAll();
  await differences.union(ofPeer);
  const copyChunks = differences.markedCount();
  await context.update(epoch, (state) => updatePair(state, pair.slot, { copyBegun: true, copyChunks }));
}

function checkFit(context: FollowerContext, pair: PairState, header: JournalHeader, differences: ChunkMap): void {
  const row = header.pairs.find((candidate) => candidate.slot === pair.slot);
  const volume = context.volume(pair.auxiliaryLun);
  if (!row || row.primaryLun !== pair.primaryLun || row.auxiliaryLun !== pair.auxiliaryLun) {
    throw new PeerError(`the primary does not know pair ${pair.name}`);
  }
  if (row.blockSize * row.blockCount !== volume.byteLength || row.chunkBytes !== differences.chunkBytes) {
    throw new PeerError(`the volumes of pair ${pair.name} have different sizes`);
  }
}

async function readPeerMap(
  context: FollowerContext,
  pair: PairState,
  header: JournalHeader,
  differences: ChunkMap,
): Promise<Uint8Array> {
  const peer = await openPeerJournal(context);
  const blocks = Math.max(1, Math.ceil(differences.chunkCount / 8 / JOURNAL_BLOCK_SIZE));
  return peer.read(header.mapLba + pair.slot * MAP_BLOCKS, blocks, { timeoutMs: PEER_TIMEOUT_MS });
}

/** Copies until a checkpoint, or to the end. */
async function copySome(
  context: FollowerContext,
  epoch: number,
  pair: PairState,
  before: JournalHeader,
): Promise<void> {
  const differences = context.differences(pair.slot);
  const volume = context.volume(pair.auxiliaryLun);
  const runs = planRuns(differences);
  const group = context.state();
  const source = await context.remote.open(group.peerSerial, pair.primaryLun);
  const sourceBlockSize = before.pairs.find((row) => row.slot === pair.slot)?.blockSize ?? JOURNAL_BLOCK_SIZE;
  const copied = await copyRuns({ context, epoch, pair, volume, source, sourceBlockSize }, runs).catch((error) => {
    // Opened anew it may be reached through another portal.
    context.remote.forget(group.peerSerial, pair.primaryLun);
    throw error;
  });
  if (epoch !== context.epoch()) return;
  await volume.flush();
  const after = await readPeerHeader(context);
  if (after.incarnation !== before.incarnation || epoch !== context.epoch() || !mayGoOn(context, after)) return;
  // What was copied may be newer than anything that this side has seen of its primary.
  await context.update(epoch, (state) => meet(state, after));
  // A resync ordered meanwhile has marked what it will not get by journal any more.
  if (epoch !== context.epoch() || !isActive(context.state())) return;
  await differences.clear(copied.flatMap((run) => run.chunks));
  if (differences.markedCount() > 0) return;
  await finishCopy(context, epoch, pair, after);
}

async function finishCopy(
  context: FollowerContext,
  epoch: number,
  pair: PairState,
  header: JournalHeader,
): Promise<void> {
  const consistentFrom = header.storedSequence;
  await context.update(epoch, (state) => {
    const next = updatePair(state, pair.slot, { copied: true, consistentFrom });
    return { ...next, peerSeenSequence: header.storedSequence, peerSeenWallMs: header.wallMs };
  });
  context.wake();
}

interface ChunkRun {
  readonly offset: number;
  readonly length: number;
  readonly chunks: readonly number[];
}

/** Neighbouring marked chunks joined to reads of up to 1 MiB, up to a checkpoint's worth. */
function planRuns(differences: ChunkMap): ChunkRun[] {
  const { chunkBytes } = differences;
  const perRun = Math.max(1, Math.floor(READ_BYTES / chunkBytes));
  const runs: ChunkRun[] = [];
  let planned = 0;
  for (let chunk = differences.next(0); chunk !== undefined && planned < CHECKPOINT_BYTES;) {
    const chunks = [chunk];
    while (chunks.length < perRun && differences.next(chunk + 1) === chunk + 1) {
      chunk += 1;
      chunks.push(chunk);
    }
    runs.push({ offset: chunks[0]! * chunkBytes, length: chunks.length * chunkBytes, chunks });
    planned += chunks.length * chunkBytes;
    chunk = differences.next(chunk + 1);
  }
  return runs;
}

interface RunParts {
  readonly context: FollowerContext;
  readonly epoch: number;
  readonly pair: PairState;
  readonly volume: Volume;
  readonly source: Lun;
  readonly sourceBlockSize: number;
}

/** Those that were copied when the time was over, or all. */
function copyRuns(parts: RunParts, runs: readonly ChunkRun[]): Promise<ChunkRun[]> {
  const { clock } = parts.context;
  const untilMs = clock.monotonicMs() + CHECKPOINT_MS;
  return inParallel(
    runs,
    (run) => copyRun(parts, run),
    () => clock.monotonicMs() < untilMs,
  );
}

async function copyRun(parts: RunParts, run: ChunkRun): Promise<void> {
  const { context, pair, volume, sourceBlockSize } = parts;
  const length = Math.min(run.length, volume.byteLength - run.offset);
  const done = context.copying.begin(pair.slot, run.offset, length);
  try {
    const data = await readSource(parts, run.offset / sourceBlockSize, length);
    await place(parts, run.offset, data);
  } finally {
    done();
  }
}

/** Zeros take no room, unless the epoch has ended and this copy is no longer wanted. */
async function place(parts: RunParts, offset: number, data: Uint8Array): Promise<void> {
  const { volume, context } = parts;
  const change = isAllZero(data) ? { offset, length: data.length } : writeOf(offset, data);
  for (let wait = announceChange(volume, change); wait; wait = announceChange(volume, change)) await wait;
  if (parts.epoch === context.epoch()) applyChange(volume, change);
}

/** One chunk can be larger than one READ should be. */
async function readSource(parts: RunParts, lba: number, length: number): Promise<Uint8Array> {
  const { source, sourceBlockSize } = parts;
  if (length <= READ_BYTES) return source.read(lba, length / sourceBlockSize, { timeoutMs: PEER_TIMEOUT_MS });
  const data = new Uint8Array(length);
  for (let at = 0; at < length; at += READ_BYTES) {
    const piece = Math.min(READ_BYTES, length - at);
    const blocks = piece / sourceBlockSize;
    data.set(await source.read(lba + at / sourceBlockSize, blocks, { timeoutMs: PEER_TIMEOUT_MS }), at);
  }
  return data;
}

/** The items done; none is begun after `goOn` has said no, but the first ones. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>, goOn: () => boolean): Promise<T[]> {
  const done: T[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && (next < DEPTH || goOn())) {
      const item = items[next]!;
      next += 1;
      await work(item);
      done.push(item);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: DEPTH }, lane));
  const failed = lanes.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return done;
}

/** Whether any pair of the group still waits for the copy. */
export function hasCopyWork(group: GroupState): boolean {
  return group.pairs.some((pair) => pair.progress === 'copy' && !pair.copied);
}
