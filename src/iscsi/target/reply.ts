import { encodeDataIn, encodeScsiResponse, encodeSense, NO_RESIDUAL, type Residual } from '../target-pdus.ts';
import { NO_TAG } from '../header.ts';
import type { TargetTask } from './task.ts';
import type { TargetLink, TargetReply } from './types.ts';

const GOOD = 0;

/** What the initiator expected against what the command moved or wanted to move; bytes (RFC 7143 section 11.4.5). */
export function residualOf(expected: number, actual: number): Residual {
  if (actual > expected) return { kind: 'overflow', count: Math.min(actual - expected, 0xffff_ffff) };
  if (actual < expected) return { kind: 'underflow', count: expected - actual };
  return NO_RESIDUAL;
}

/**
 * Sends the outcome of a command: Data-In PDUs as long as the initiator takes them, in bursts of MaxBurstLength, and the
 * status, which rides in the last Data-In where it is GOOD without sense (RFC 7143 section 11.7.3).
 */
export function sendReply(link: TargetLink, task: TargetTask, reply: TargetReply): void {
  const here = reply.dataIn?.length ?? 0;
  const produced = reply.producedDataIn ?? here;
  const sent = Math.min(here, task.expectedDataIn);
  const readResidual = residualOf(task.expectedDataIn, produced);
  const collapsed = reply.status === GOOD && !reply.sense && task.expectedDataOut === 0;
  if (sent > 0) {
    // A part is copied: what waits to be sent must not keep the whole alive.
    const data = sent < here ? reply.dataIn!.slice(0, sent) : reply.dataIn!;
    sendDataIn(link, task, data, collapsed ? readResidual : undefined);
  }
  if (sent > 0 && collapsed) return;
  sendResponse(link, task, reply, readResidual);
}

function sendDataIn(link: TargetLink, task: TargetTask, data: Uint8Array, finalResidual: Residual | undefined): void {
  const { maxSendDataSegmentLength, maxBurstLength } = link.parameters;
  const { length } = data;
  let burstEnd = Math.min(maxBurstLength, length);
  for (let offset = 0; offset < length;) {
    const end = Math.min(offset + maxSendDataSegmentLength, burstEnd);
    const last = end === length;
    const residual = last ? finalResidual : undefined;
    const header = encodeDataIn({
      final: end === burstEnd,
      acknowledge: false,
      hasStatus: residual !== undefined,
      status: GOOD,
      residual: residual ?? NO_RESIDUAL,
      lun: task.lun,
      initiatorTaskTag: task.initiatorTaskTag,
      targetTransferTag: NO_TAG,
      ...link.counters(residual ? 'status' : 'no-status'),
      dataSn: task.dataPduCount,
      bufferOffset: offset,
    });
    task.dataPduCount += 1;
    link.send(header, offset === 0 && end === length ? data : data.subarray(offset, end));
    offset = end;
    if (end === burstEnd) burstEnd = Math.min(burstEnd + maxBurstLength, length);
  }
}

function sendResponse(link: TargetLink, task: TargetTask, reply: TargetReply, readResidual: Residual): void {
  const wanted = reply.wantedDataOut ?? task.expectedDataOut;
  const writeResidual = residualOf(task.expectedDataOut, wanted);
  const both = task.expectedDataOut > 0 && task.expectedDataIn > 0;
  const reads = task.expectedDataIn > 0 || readResidual.kind !== 'none';
  const header = encodeScsiResponse({
    response: 0,
    status: reply.status,
    residual: reads && !both ? readResidual : writeResidual,
    bidirectionalResidual: both ? readResidual : NO_RESIDUAL,
    initiatorTaskTag: task.initiatorTaskTag,
    snackTag: 0,
    ...link.counters('status'),
    expDataSn: task.dataPduCount,
  });
  link.send(header, reply.sense && encodeSense(reply.sense));
}
