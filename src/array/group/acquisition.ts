import { crc32 } from 'node:zlib';
import { uninitialisedBytes } from '../../base/bytes.ts';
import { describeViolation } from '../../base/violation.ts';
import { generationAt } from '../../interface-block/lineage.ts';
import { LunError, type Lun } from '../../lun/lun.ts';
import { SENSE_KEY } from '../../scsi/sense.ts';
import {
  dataRuns,
  hasRoom,
  JOURNAL_BLOCK_SIZE,
  metadataLba,
  metadataRuns,
  type JournalGeometry,
  type Run,
} from '../journal/geometry.ts';
import type { JournalHeader } from '../journal/header.ts';
import { checkRecord, type StoredRecord } from '../journal/journal-reader.ts';
import { RECORD_SIZE } from '../journal/record.ts';
import { isActive, type GroupState, type Position } from '../store/array-state.ts';
import {
  PEER_TIMEOUT_MS,
  PeerError,
  openPeerJournal,
  readPeerHeader,
  type FollowerContext,
  type StepResult,
} from './follower.ts';
import { acquired, clampAcquisition, suspend } from './transitions.ts';
import { distrust, markEverything } from './distrust.ts';
import { follow, judgeHeader } from './follow-rules.ts';
import { meet } from './lives.ts';

/**
 * The journal acquisition section (708; Fig. 13): copies records from the primary journal to the same LBAs of the
 * auxiliary journal, as far as it was ordered to (1534). What is counted as read (1533) is durable here.
 */
const BATCH_RECORDS = 512;
/** 16 MiB: each batch costs two flushes. */
const BATCH_BLOCKS = 32_768;
/** What a batch brought counts when all of it is durable: whoever watches sees by it that the line still brings something. */
const FIRST_BATCH_BLOCKS = 2048;
const SMALLEST_BATCH_BLOCKS = 128;
const BATCH_MS = 1000;
/** 4 MiB have `PEER_TIMEOUT_MS` to arrive: on a slow line a whole batch, or one long record, would never be in time. */
const PIECE_BLOCKS = 8192;
const WAIT_MS = 250;
/** Nothing that the peer could send again would mend its journal: what it held becomes differences. */
const damaged = (what: string, cause?: unknown): PeerError =>
  new PeerError(`split the group, resync it: ${what}`, cause === undefined ? {} : { cause });

export async function acquisitionStep(context: FollowerContext): Promise<StepResult> {
  const epoch = context.epoch();
  const group = context.state();
  if (group.role !== 'auxiliary' || !isActive(group)) return 'idle';
  const ordered = context.takeContactOrder();
  const news = group.toBeRead > group.read.sequence || ordered || !context.hasMet();
  if (group.following && !news) return 'idle';
  const header = await readPeerHeader(context);
  const contact = judgeHeader(context.state(), header);
  if (epoch !== context.epoch()) return 'again';
  switch (contact.kind) {
    case 'wait':
      context.report(contact.why);
      return { retryMs: WAIT_MS };
    case 'peer-suspended':
      await context.update(epoch, (state) => suspend(state, 'peer-suspended', state.read));
      return 'idle';
    case 'older-copy':
      await distrust(context, epoch, contact.which);
      return 'idle';
    case 'adopt':
      if (contact.everything) await markEverything(context);
      await context.update(epoch, (state) => follow(state, header));
      context.meet();
      context.wake();
      return 'again';
    case 'follow':
      return readRecords(context, epoch, header);
  }
}

async function readRecords(context: FollowerContext, epoch: number, header: JournalHeader): Promise<StepResult> {
  await noteContact(context, epoch, header);
  const group = context.state();
  if (!isActive(group) || group.role !== 'auxiliary') return 'idle';
  const target = Math.min(group.toBeRead, header.storedSequence);
  let batch = await fetchInTime(context, header, group.read, target);
  if (epoch !== context.epoch()) return 'again';
  if (batch.length === 0) return nothingToRead(context, epoch, group, target);
  while (batch.length > 0) {
    // The next batch travels while this one becomes durable.
    const following = settled(fetchInTime(context, header, batch.at(-1)!.stored.end, target));
    await keepBatch(context, epoch, header, batch);
    const next = await following;
    if (epoch !== context.epoch()) return 'again';
    if (!next.ok) throw next.error;
    batch = next.value;
  }
  return 'again';
}

async function keepBatch(
  context: FollowerContext,
  epoch: number,
  header: JournalHeader,
  batch: readonly FetchedRecord[],
): Promise<void> {
  if (epoch !== context.epoch()) return;
  for (const item of batch) storeLocally(context, item);
  await context.journal.flush();
  const { end, proof } = batch.at(-1)!.stored;
  const seen = { sequence: header.storedSequence, wallMs: header.wallMs };
  await context.update(epoch, (state) => acquired(state, end, proof, seen));
}

type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ ok: true, value }),
    (error: unknown) => ({ ok: false, error }),
  );
}

/** Every contact counts, also one with nothing to read: the lineage may have grown, and the primary was alive. */
async function noteContact(context: FollowerContext, epoch: number, header: JournalHeader): Promise<void> {
  const seen = { peerSeenSequence: header.storedSequence, peerSeenWallMs: header.wallMs };
  await context.update(epoch, (state) => ({ ...meet(state, header), ...seen, lineage: header.lineage }));
  context.meet();
}

/**
 * The order reaches beyond what the primary has, or the ring is full. With a restore under way room will come; without
 * one the order ends here, so that the host's cycle goes on to order the restore. One that came after the header was read
 * does not: it may mean records that the header does not show yet.
 */
async function nothingToRead(
  context: FollowerContext,
  epoch: number,
  group: GroupState,
  target: number,
): Promise<StepResult> {
  const ringFull = target > group.read.sequence;
  if (ringFull && group.toBeRestored > group.restored.sequence) return { retryMs: WAIT_MS };
  const orderedSince = (state: GroupState): boolean => context.contactOrdered() || state.toBeRead > group.toBeRead;
  const after = await context.update(epoch, (state) => (orderedSince(state) ? state : clampAcquisition(state)));
  return orderedSince(after) ? 'again' : 'idle';
}

interface FetchedRecord {
  readonly stored: StoredRecord;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

/** A batch; the next one will be smaller where this one took long, and larger where it was not long enough. */
async function fetchInTime(
  context: FollowerContext,
  header: JournalHeader,
  from: Position,
  target: number,
): Promise<FetchedRecord[]> {
  const limit = Math.min(BATCH_BLOCKS, context.batchBlocks ?? FIRST_BATCH_BLOCKS);
  const beganMs = context.clock.monotonicMs();
  const tookMs = (): number => context.clock.monotonicMs() - beganMs;
  try {
    const batch = await fetchBatch(context, header, from, { target, blocks: limit });
    const blocks = (batch.at(-1)?.stored.end.offset ?? from.offset) - from.offset;
    if (tookMs() < BATCH_MS / 2 && blocks > limit / 2) context.batchBlocks = Math.min(BATCH_BLOCKS, limit * 2);
    return batch;
  } finally {
    if (tookMs() > BATCH_MS) context.batchBlocks = Math.max(Math.min(limit, SMALLEST_BATCH_BLOCKS), limit / 2);
  }
}

/** The records behind `from` that fit the ring, in order and whole; empty where there are none or is no room. */
async function fetchBatch(
  context: FollowerContext,
  header: JournalHeader,
  from: Position,
  { target, blocks: limit }: { readonly target: number; readonly blocks: number },
): Promise<FetchedRecord[]> {
  const geometry = context.journal.geometry;
  const count = Math.min(BATCH_RECORDS, target - from.sequence);
  if (count <= 0) return [];
  const peer = await openPeerJournal(context);
  const metadata = await readRuns(peer, metadataRuns(geometry, from.sequence + 1, count));
  const chain = chainOf(metadata, { from, kept: context.state().restored, limit }, header, count, geometry);
  if (chain.length === 0) return [];
  const blocks = chain.reduce((sum, item) => sum + item.stored.record.blockCount, 0);
  const data = await readRuns(peer, dataRuns(geometry, from.offset, blocks));
  let at = 0;
  return chain.map((item) => {
    const length = item.stored.record.blockCount * JOURNAL_BLOCK_SIZE;
    const own = data.subarray(at, at + length);
    at += length;
    if (crc32(own) !== item.stored.record.dataCrc) {
      const { sequence } = item.stored.record;
      throw damaged(`data of record ${sequence} of the peer: its CRC-32 is another`);
    }
    return { ...item, data: own };
  });
}

function chainOf(
  metadata: Uint8Array,
  { from, kept, limit }: { from: Position; kept: Position; limit: number },
  header: JournalHeader,
  count: number,
  geometry: JournalGeometry,
): Array<{ stored: StoredRecord; metadata: Uint8Array }> {
  const chain: Array<{ stored: StoredRecord; metadata: Uint8Array }> = [];
  let tail: Position = from;
  for (let index = 0; index < count; index += 1) {
    const bytes = metadata.subarray(index * RECORD_SIZE, (index + 1) * RECORD_SIZE);
    const stored = expectRecord(bytes, tail, header, geometry);
    const fits = hasRoom(geometry, kept, tail, stored.record.blockCount);
    const enough = stored.end.offset - from.offset > limit && chain.length > 0;
    if (!fits || enough) break;
    chain.push({ stored, metadata: bytes });
    tail = stored.end;
  }
  return chain;
}

function expectRecord(
  bytes: Uint8Array,
  tail: Position,
  header: JournalHeader,
  geometry: JournalGeometry,
): StoredRecord {
  const sequence = tail.sequence + 1;
  const result = checkRecord(bytes, sequence, geometry);
  if (!result.ok) throw damaged(`record ${sequence} of the peer: ${describeViolation(result.violation)}`);
  const { record } = result.value;
  if (record.offset !== tail.offset || record.generation !== generationAt(header.lineage, sequence)) {
    throw damaged(`record ${sequence} of the peer does not continue the journal`);
  }
  return result.value;
}

/** Deallocations alone have no data to read. */
async function readRuns(lun: Lun, runs: readonly Run[]): Promise<Uint8Array> {
  const data = uninitialisedBytes(runs.reduce((sum, { blockCount }) => sum + blockCount, 0) * JOURNAL_BLOCK_SIZE);
  let at = 0;
  for (const { lba, blockCount } of runs) {
    for (let done = 0; done < blockCount; done += PIECE_BLOCKS) {
      const piece = await readRun(lun, { lba: lba + done, blockCount: Math.min(PIECE_BLOCKS, blockCount - done) });
      data.set(piece, at);
      at += piece.length;
    }
  }
  return data;
}

async function readRun(lun: Lun, { lba, blockCount }: Run): Promise<Uint8Array> {
  try {
    return await lun.read(lba, blockCount, { timeoutMs: PEER_TIMEOUT_MS });
  } catch (error) {
    if (!(error instanceof LunError) || error.sense?.key !== SENSE_KEY.mediumError) throw error;
    throw damaged(`the peer cannot read its journal from block ${lba} on`, error);
  }
}

function storeLocally(context: FollowerContext, item: FetchedRecord): void {
  const { journal } = context;
  const { record } = item.stored;
  let at = 0;
  for (const run of dataRuns(journal.geometry, record.offset, record.blockCount)) {
    const length = run.blockCount * JOURNAL_BLOCK_SIZE;
    journal.writeBlocks(run.lba, item.data.subarray(at, at + length));
    at += length;
  }
  journal.writeBlocks(metadataLba(journal.geometry, record.sequence), item.metadata);
}
