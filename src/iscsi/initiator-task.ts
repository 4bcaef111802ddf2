import { decoded, violated, type Decoded } from '../base/violation.ts';
import { appendPdu, type Digests } from './framing.ts';
import { NO_TAG } from './header.ts';
import { encodeDataOut, encodeScsiCommand, TASK_ATTRIBUTE } from './initiator-pdus.ts';
import type { CommandOutcome, CommandRequest } from './initiator.ts';
import type { DataIn, ReadyToTransfer } from './target-pdus.ts';

/** What login has settled about how data moves. */
export interface TransferRules {
  /** The largest data segment that the target takes (its MaxRecvDataSegmentLength). */
  readonly maxSendDataSegmentLength: number;
  readonly maxBurstLength: number;
  readonly firstBurstLength: number;
  readonly initialR2T: boolean;
  readonly immediateData: boolean;
  readonly maxOutstandingR2T: number;
  readonly digests: Digests;
}

/** One command between its request and its outcome: how far its data has come, in either direction. */
export interface Task {
  readonly request: CommandRequest;
  readonly tag: number;
  /** The caller has been told; what the target still sends for it is thrown away. */
  abandoned: boolean;
  /** The target has been told to abort it. */
  aborting: boolean;
  cmdSn: number;
  received: number;
  nextDataSn: number;
  nextR2tSn: number;
  /** Where the next data of a write begins. */
  sentOffset: number;
  /** R2Ts that wait for room in the send buffer. */
  readonly wanted: ReadyToTransfer[];
}

export function createTask(request: CommandRequest, tag: number): Task {
  return {
    request,
    tag,
    abandoned: false,
    aborting: false,
    cmdSn: 0,
    received: 0,
    nextDataSn: 0,
    nextR2tSn: 0,
    sentOffset: 0,
    wanted: [],
  };
}

export function settle(task: Task, outcome: CommandOutcome): void {
  if (task.abandoned) return;
  task.abandoned = true;
  task.request.done(outcome);
}

/** What every PDU to the target carries. */
export interface SendContext {
  readonly batch: Uint8Array[];
  readonly rules: TransferRules;
  readonly expStatSn: number;
}

/** The command with its immediate data, and the unsolicited burst where the session allows one. */
export function sendCommand(task: Task, context: SendContext): void {
  const { request } = task;
  const { rules } = context;
  const data = request.dataOut;
  const byteLength = data?.length ?? request.dataIn?.length ?? 0;
  const firstBurst = Math.min(data?.length ?? 0, rules.firstBurstLength);
  const immediate = rules.immediateData ? Math.min(firstBurst, rules.maxSendDataSegmentLength) : 0;
  const unsolicited = rules.initialR2T ? immediate : firstBurst;
  const header = encodeScsiCommand({
    immediate: false,
    final: unsolicited === immediate,
    read: request.dataIn !== undefined && byteLength > 0,
    write: data !== undefined && byteLength > 0,
    attribute: TASK_ATTRIBUTE.simple,
    lun: request.lun,
    initiatorTaskTag: task.tag,
    expectedDataTransferLength: byteLength,
    cmdSn: task.cmdSn,
    expStatSn: context.expStatSn,
    cdb: request.cdb,
  });
  appendPdu(context.batch, header, data?.subarray(0, immediate), rules.digests);
  task.sentOffset = immediate;
  if (unsolicited > immediate) sendBurst(task, context, NO_TAG, unsolicited);
}

/** What the target has asked for. */
export function sendWanted(task: Task, context: SendContext): void {
  if (task.abandoned) return;
  for (const r2t of task.wanted.splice(0)) {
    sendBurst(task, context, r2t.targetTransferTag, r2t.bufferOffset + r2t.desiredLength);
  }
}

/** Data-Out PDUs from where the data has come to `end`, as one burst (RFC 7143 section 11.7). */
function sendBurst(task: Task, context: SendContext, targetTransferTag: number, end: number): void {
  const data = task.request.dataOut!;
  for (let dataSn = 0; task.sentOffset < end; dataSn += 1) {
    const next = Math.min(end, task.sentOffset + context.rules.maxSendDataSegmentLength);
    const header = encodeDataOut({
      final: next === end,
      lun: task.request.lun,
      initiatorTaskTag: task.tag,
      targetTransferTag,
      expStatSn: context.expStatSn,
      dataSn,
      bufferOffset: task.sentOffset,
    });
    appendPdu(context.batch, header, data.subarray(task.sentOffset, next), context.rules.digests);
    task.sentOffset = next;
  }
}

/**
 * Queues an R2T (11.8) after checking that it is the next one, inside the data, in order and no longer than a burst.
 * In order means that no byte is asked for twice, so that a target cannot make this side send without end.
 */
export function acceptReadyToTransfer(task: Task, r2t: ReadyToTransfer, rules: TransferRules): Decoded<void> {
  const total = task.request.dataOut?.length ?? 0;
  const last = task.wanted.at(-1);
  const expectedOffset = last ? last.bufferOffset + last.desiredLength : task.sentOffset;
  if (r2t.r2tSn !== task.nextR2tSn) return violated('R2T.R2TSN', r2t.r2tSn, String(task.nextR2tSn));
  if (r2t.bufferOffset !== expectedOffset)
    return violated('R2T.BufferOffset', r2t.bufferOffset, String(expectedOffset));
  const limit = Math.min(rules.maxBurstLength, total - r2t.bufferOffset);
  if (r2t.desiredLength < 1 || r2t.desiredLength > limit) {
    return violated('R2T.DesiredDataTransferLength', r2t.desiredLength, `1 to ${limit}`);
  }
  if (task.wanted.length >= rules.maxOutstandingR2T) {
    return violated('R2T', `${task.wanted.length + 1} outstanding`, `at most ${rules.maxOutstandingR2T}`);
  }
  task.nextR2tSn += 1;
  task.wanted.push(r2t);
  return decoded(undefined);
}

/**
 * Where the data of a Data-In PDU goes (11.7): in order, without gaps, inside the room. Counts it as received.
 * Undefined for a command whose caller has gone: the data is thrown away.
 */
export function acceptDataIn(task: Task, pdu: DataIn, byteLength: number): Decoded<Uint8Array | undefined> {
  const room = task.request.dataIn?.length ?? 0;
  if (pdu.dataSn !== task.nextDataSn) return violated('Data-In.DataSN', pdu.dataSn, String(task.nextDataSn));
  if (pdu.bufferOffset !== task.received && byteLength > 0) {
    return violated('Data-In.BufferOffset', pdu.bufferOffset, String(task.received));
  }
  if (task.received + byteLength > room) {
    return violated('Data-In', `data up to byte ${task.received + byteLength}`, `at most ${room} bytes`);
  }
  const start = task.received;
  task.nextDataSn += 1;
  task.received += byteLength;
  return decoded(task.abandoned ? undefined : task.request.dataIn?.subarray(start, task.received));
}
