import { randomHex } from '../base/random.ts';
import { describeViolation } from '../base/violation.ts';
import { decodeSlot, encodeRequestPart, type SlotContent } from '../interface-block/block.ts';
import { SLOT_COUNT, SLOT_SIZE, slotOffset } from '../interface-block/geometry.ts';
import { signRequestPart } from '../interface-block/signature.ts';
import { statusName } from '../interface-block/status.ts';
import { LunError } from '../lun/lun.ts';
import { announce, callError, checkDeadline, ioOptions, recordPathFailure, type CallState } from './call-state.ts';
import { CommandError } from './command-error.ts';
import { escapeText, fitText } from './escape-text.ts';
import { createPace } from './pace.ts';
import { pathFailure, type ProvenPath } from './path-list.ts';
import { mayBeConflict, UNNAMED_CONFLICT_LIMIT } from './unnamed-conflict.ts';

/** Answers that do not check, and blocks that arrived damaged, before the device counts as broken. */
const SETBACK_LIMIT = 3;
/** A READ that the array did not hold: wait before the next one. */
const NOT_HELD_MS = 50;
/**
 * Fig. 8 for one page of the answer: submits the request until a complete answer with its id is read. A slot whose
 * answer was lost, a path that failed and a slot that another host holds all lead to the same thing: the same request
 * id is written again, which is safe because the array executes it once.
 */
export async function exchange(call: CallState, page: number): Promise<SlotContent> {
  const pace = createPace(call, 5, 500);
  for (;;) {
    const content = await attempt(call, page);
    if (content) return content;
    await pace.wait();
    if (call.deliveries > 0 || call.problem.kind === 'busy') announce(call, 'retry', -1, { detail: call.problem.text });
  }
}

/** Something is wrong that another try may mend; throws `bad-answer` when it has happened too often. */
export function recordSetback(call: CallState, text: string): void {
  call.setbacks++;
  call.problem = { kind: 'timeout', text };
  if (call.setbacks > SETBACK_LIMIT) throw callError(call, 'bad-answer', `${call.process.name}: ${text}`);
}

async function attempt(call: CallState, page: number): Promise<SlotContent | undefined> {
  checkDeadline(call);
  const path = await provePath(call);
  if (!path) return undefined;
  try {
    const slot = await submit(call, path, page);
    return slot === undefined ? undefined : await awaitAnswer(call, path, slot);
  } catch (error) {
    if (!(error instanceof LunError)) throw error;
    path.giveUp();
    recordPathFailure(call, pathFailure(call.parts.array, path.path, error));
    return undefined;
  }
}

/** The label is read before every submission: a LUN may have reconnected to something else in the meantime. */
async function provePath(call: CallState): Promise<ProvenPath | undefined> {
  try {
    const path = await call.paths.prove(ioOptions(call));
    const switched = call.lastPath !== undefined && call.lastPath !== path.path;
    call.lastPath = path.path;
    call.admissionNumber ??= path.label.commandNumber;
    if (switched) announce(call, 'path-switched', -1, { detail: call.problem.text });
    return path;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    call.lastPath = error.path ?? call.lastPath;
    recordPathFailure(call, error);
    return undefined;
  }
}

/** S801-S802: the slot that took the request; undefined where all are occupied. */
async function submit(call: CallState, path: ProvenPath, page: number): Promise<number | undefined> {
  const block = encodeCall(call, page, path.challenge);
  const start = call.slot;
  for (let step = 0; step < SLOT_COUNT; step++) {
    checkDeadline(call);
    const slot = (start + step) % SLOT_COUNT;
    const written = await writeSlot(call, path, slot, block);
    if (written === 'accepted') return slot;
    if (written === 'busy') return undefined;
  }
  call.problem = { kind: 'busy', text: `all ${SLOT_COUNT} slots of ${path.path} are occupied` };
  return undefined;
}

async function writeSlot(
  call: CallState,
  path: ProvenPath,
  slot: number,
  block: Uint8Array,
): Promise<'accepted' | 'occupied' | 'busy'> {
  try {
    await path.lun.write(slotOffset(slot) / path.blockSize, block, { ...ioOptions(call), onlyAsLastRead: true });
  } catch (error) {
    if (!(error instanceof LunError) || error.outcome === 'unknown') recordDelivery(call, slot);
    if (error instanceof LunError && error.kind === 'reservation-conflict') {
      announce(call, 'conflict', slot);
      return 'occupied';
    }
    if (error instanceof LunError && (error.kind === 'busy' || error.kind === 'task-set-full')) {
      call.problem = { kind: 'busy', text: `${path.path} is busy` };
      return 'busy';
    }
    if (mayBeConflict(error) && isUnnamedConflict(call)) {
      announce(call, 'conflict', slot, { detail: escapeText(error.message) });
      call.slot = (slot + 1) % SLOT_COUNT;
      call.problem = { kind: 'busy', text: escapeText(error.message) };
      return 'busy';
    }
    throw error;
  }
  recordDelivery(call, slot);
  call.failures = [];
  call.unnamedConflicts = 0;
  announce(call, 'sent', slot);
  return 'accepted';
}

/** Counts; false where the limit is passed. The label is read again before the next try. */
function isUnnamedConflict(call: CallState): boolean {
  call.unnamedConflicts = (call.unnamedConflicts + 1) % (UNNAMED_CONFLICT_LIMIT + 1);
  return call.unnamedConflicts > 0;
}

function recordDelivery(call: CallState, slot: number): void {
  call.deliveries++;
  call.slot = slot;
}

/** S803-S805: undefined where the slot no longer holds this request. */
async function awaitAnswer(call: CallState, path: ProvenPath, slot: number): Promise<SlotContent | undefined> {
  const pace = createPace(call, 2, 100);
  for (;;) {
    checkDeadline(call);
    const askedMs = call.parts.clock.monotonicMs();
    const bytes = await path.lun.read(slotOffset(slot) / path.blockSize, SLOT_SIZE / path.blockSize, ioOptions(call));
    const read = decodeSlot(bytes);
    if (!read.ok) {
      recordSetback(call, `slot ${slot} does not check: ${escapeText(describeViolation(read.violation))}`);
    } else if (read.value.state === 'free' || read.value.requestId !== call.requestId) {
      call.problem = { kind: 'timeout', text: `slot ${slot} no longer holds the request` };
      return undefined;
    } else if (read.value.state === 'complete') {
      announceAnswer(call, slot, read.value);
      return read.value;
    } else {
      call.problem = { kind: 'timeout', text: `the array is still executing the command in slot ${slot}` };
    }
    if (call.parts.clock.monotonicMs() - askedMs < NOT_HELD_MS) await pace.wait();
    else pace.reset();
  }
}

/** Signed anew for each submission: the array takes no signature twice. */
function encodeCall(call: CallState, page: number, challenge: string | undefined): Uint8Array {
  const block = encodeRequestPart({
    process: call.process.number,
    editedDataWanted: true,
    requestId: call.requestId,
    arraySerial: call.parts.serial,
    admissionNumber: call.admissionNumber ?? 0,
    page,
    host: fitText(call.parts.host, 64),
    input: call.input,
  });
  const { signingKey, random } = call.parts;
  if (!signingKey) return block;
  signRequestPart(block, signingKey, challenge === undefined ? undefined : { challenge, nonce: randomHex(random, 8) });
  return block;
}

function announceAnswer(call: CallState, slot: number, content: SlotContent): void {
  const status = statusName(content.status) ?? `status ${content.status}`;
  const elapsedMs = call.parts.clock.monotonicMs() - call.startedMs;
  const detail = content.pageCount > 1 ? `page ${content.page + 1} of ${content.pageCount}` : undefined;
  announce(call, 'answered', slot, { status, elapsedMs, ...(detail !== undefined && { detail }) });
}
