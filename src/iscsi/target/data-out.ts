import { readU32, uninitialisedBytes } from '../../base/bytes.ts';
import { serialAdd } from '../../base/serial.ts';
import { AT, NO_TAG } from '../header.ts';
import { decodeDataOut, type ScsiCommand } from '../initiator-pdus.ts';
import type { ReceivedPdu } from '../parser.ts';
import { encodeReadyToTransfer } from '../target-pdus.ts';
import { shareOfRoom, shareOfUnaskedRoom } from './fair-share.ts';
import { PROTOCOL_SENSE } from './protocol-sense.ts';
import type { SessionRegistry } from './registry.ts';
import type { TargetTask } from './task.ts';
import type { TargetLink } from './types.ts';

/** Data-Out of one command; more is refused. */
export const MAX_DATA_OUT_LENGTH = 64 * 1024 * 1024;
/** Transfers up to this length get their whole buffer with the first byte, longer ones when they are solicited. */
const EAGER_LENGTH = 1024 * 1024;

/**
 * Collects the Data-Out of the commands of one connection: immediate, unsolicited and solicited by R2T (RFC 7143
 * section 11.7), one burst at a time for each command, in order. A fault in the data ends the command with CHECK
 * CONDITION once the burst is over; the connection lives on.
 */
export class DataOutCollector {
  private readonly link: TargetLink;
  private readonly sessions: Pick<SessionRegistry, 'size'>;
  /** Told when a task has all its data, or a fault. */
  private readonly collected: (task: TargetTask) => void;
  private nextTag = 1;
  /** Bytes that tasks hold: `TargetTask.unasked` and `TargetTask.reserved`. */
  private unasked = 0;
  private reserved = 0;
  private readonly waiting: TargetTask[] = [];
  /** Made by `placeImmediate` for the command whose data segment is on its way. */
  private placed: Uint8Array | undefined;

  constructor(link: TargetLink, sessions: Pick<SessionRegistry, 'size'>, collected: (task: TargetTask) => void) {
    this.link = link;
    this.sessions = sessions;
    this.collected = collected;
  }

  /** The buffer of the whole transfer, so that immediate data needs no second copy. */
  placeImmediate(header: Uint8Array, byteLength: number): Uint8Array | undefined {
    const wanted = readU32(header, AT.word20);
    if (byteLength >= wanted || byteLength > this.link.parameters.firstBurstLength || wanted > EAGER_LENGTH) {
      return undefined;
    }
    this.placed = uninitialisedBytes(wanted);
    return this.placed.subarray(0, byteLength);
  }

  /** Takes the immediate data of a command that has just come. */
  begin(task: TargetTask, command: ScsiCommand, pdu: ReceivedPdu): void {
    const placed = this.placed;
    this.placed = undefined;
    task.fault = this.faultOfCommand(task, command, pdu);
    if (!task.fault) this.admit(task, command.final ? pdu.data.length : this.link.parameters.firstBurstLength);
    if (!this.isLost(task) && pdu.data.length > 0) {
      task.buffer = placed && placed.buffer === pdu.data.buffer ? placed : pdu.data;
      task.received = pdu.data.length;
    }
    if (command.final || task.expectedDataOut === 0) return;
    const end = Math.min(this.link.parameters.firstBurstLength, task.expectedDataOut);
    task.burst = { targetTransferTag: NO_TAG, end, nextDataSn: 0 };
  }

  /** Counts the room for as many unsolicited bytes, or turns the command away where there is none. */
  private admit(task: TargetTask, byteLength: number): void {
    const wanted = Math.min(byteLength, task.expectedDataOut);
    if (wanted > 0 && this.unasked > 0 && this.unasked + wanted > shareOfUnaskedRoom(this.sessions.size)) {
      task.turnedAway = true;
      return;
    }
    this.unasked += wanted;
    task.unasked = wanted;
  }

  /** Its data is thrown away. */
  private isLost(task: TargetTask): boolean {
    return task.turnedAway || task.fault !== undefined;
  }

  private faultOfCommand(task: TargetTask, command: ScsiCommand, pdu: ReceivedPdu): Uint8Array | undefined {
    const { immediateData, initialR2T, firstBurstLength } = this.link.parameters;
    if (!pdu.dataDigestValid) return PROTOCOL_SENSE.crcError;
    if (task.expectedDataOut > MAX_DATA_OUT_LENGTH) return PROTOCOL_SENSE.transferTooLong;
    const length = pdu.data.length;
    if (length > 0 && (!immediateData || !command.write)) return PROTOCOL_SENSE.unexpectedUnsolicitedData;
    if (length > Math.min(firstBurstLength, task.expectedDataOut)) return PROTOCOL_SENSE.incorrectAmountOfData;
    if (!command.final && command.write && initialR2T) return PROTOCOL_SENSE.unexpectedUnsolicitedData;
    return undefined;
  }

  /** Takes the next step for a task that has been delivered: waits, asks for more, or reports it collected. */
  proceed(task: TargetTask): void {
    if (task.burst || !task.delivered || task.held || task.state !== 'collecting') return;
    if (this.isLost(task) || task.received === task.expectedDataOut) return this.collected(task);
    if (task.reserved > 0 || (this.waiting.length === 0 && this.reserve(task))) this.solicit(task);
    else this.waiting.push(task);
  }

  /** Where the data of a Data-Out PDU goes; undefined where it will be thrown away. */
  place(task: TargetTask, header: Uint8Array, byteLength: number): Uint8Array | undefined {
    const offset = readU32(header, AT.word40);
    if (this.isLost(task) || this.faultOfData(task, header, byteLength)) return undefined;
    this.provideBuffer(task);
    return task.buffer.subarray(offset, offset + byteLength);
  }

  /** Takes a Data-Out PDU; one that belongs to no burst under way is left over from an aborted one and ignored. */
  receive(task: TargetTask, pdu: ReceivedPdu): void {
    const burst = task.burst;
    const { final, targetTransferTag } = decodeDataOut(pdu.header);
    if (!burst || targetTransferTag !== burst.targetTransferTag) return;
    const length = pdu.data.length;
    if (!this.isLost(task)) task.fault = this.faultOfData(task, pdu.header, length) ?? digestFault(pdu);
    if (!this.isLost(task)) {
      burst.nextDataSn = serialAdd(burst.nextDataSn, 1);
      task.received += length;
    }
    if (!final) return;
    if (!this.isLost(task) && !task.unsolicited() && task.received !== burst.end) {
      task.fault = PROTOCOL_SENSE.incorrectAmountOfData;
    }
    task.burst = undefined;
    this.proceed(task);
  }

  private faultOfData(task: TargetTask, header: Uint8Array, byteLength: number): Uint8Array | undefined {
    const burst = task.burst;
    if (!burst || readU32(header, AT.word20) !== burst.targetTransferTag) return PROTOCOL_SENSE.dataSequenceError;
    if (readU32(header, AT.word36) !== burst.nextDataSn) return PROTOCOL_SENSE.dataSequenceError;
    if (readU32(header, AT.word40) !== task.received) return PROTOCOL_SENSE.dataSequenceError;
    if (task.received + byteLength > burst.end) return PROTOCOL_SENSE.incorrectAmountOfData;
    return undefined;
  }

  private provideBuffer(task: TargetTask): void {
    const whole = task.reserved > 0 || task.expectedDataOut <= EAGER_LENGTH;
    const length = whole ? task.expectedDataOut : task.burst!.end;
    if (task.buffer.length >= length) return;
    const buffer = uninitialisedBytes(length);
    buffer.set(task.buffer.subarray(0, task.received));
    task.buffer = buffer;
  }

  private solicit(task: TargetTask): void {
    const desiredLength = Math.min(this.link.parameters.maxBurstLength, task.expectedDataOut - task.received);
    const targetTransferTag = this.nextTag;
    this.nextTag = this.nextTag === NO_TAG - 1 ? 1 : this.nextTag + 1;
    task.burst = { targetTransferTag, end: task.received + desiredLength, nextDataSn: 0 };
    const header = encodeReadyToTransfer({
      lun: task.lun,
      initiatorTaskTag: task.initiatorTaskTag,
      targetTransferTag,
      ...this.link.counters('no-status'),
      r2tSn: task.dataPduCount,
      bufferOffset: task.received,
      desiredLength,
    });
    task.dataPduCount += 1;
    this.link.send(header);
  }

  /** A transfer longer than the whole share is let through when it is alone. */
  private reserve(task: TargetTask): boolean {
    const wanted = task.expectedDataOut;
    if (this.reserved > 0 && this.reserved + wanted > shareOfRoom(this.sessions.size)) return false;
    this.reserved += wanted;
    task.reserved = wanted;
    return true;
  }

  /** The task has ended: its share goes to those that wait, in their order. */
  release(task: TargetTask): void {
    this.unasked -= task.unasked;
    this.reserved -= task.reserved;
    task.unasked = 0;
    task.reserved = 0;
    while (this.waiting.length > 0) {
      const next = this.waiting[0]!;
      if (next.state === 'collecting' && !this.reserve(next)) return;
      this.waiting.shift();
      if (next.state === 'collecting') this.solicit(next);
    }
  }
}

function digestFault({ dataDigestValid }: ReceivedPdu): Uint8Array | undefined {
  return dataDigestValid ? undefined : PROTOCOL_SENSE.crcError;
}
