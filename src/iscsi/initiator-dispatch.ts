import { readU32 } from '../base/bytes.ts';
import type { Decoded, Violation } from '../base/violation.ts';
import { AT, NO_TAG, OPCODE, opcodeOf } from './header.ts';
import type { Exchanges } from './initiator-exchanges.ts';
import type { CommandWindow } from './initiator-window.ts';
import { acceptDataIn, acceptReadyToTransfer, settle, type Task, type TransferRules } from './initiator-task.ts';
import type { SessionEnd } from './initiator.ts';
import type { ReceivedPdu } from './parser.ts';
import {
  ASYNC_EVENT,
  decodeAsyncMessage,
  decodeDataIn,
  decodeLogoutResponse,
  decodeNopIn,
  decodeReadyToTransfer,
  decodeReject,
  decodeScsiResponse,
  decodeTaskManagementResponse,
  decodeTextResponse,
  REJECT_REASON,
  senseOf,
  TASK_MANAGEMENT_RESPONSE,
  type DataIn,
  type NopIn,
  type Residual,
} from './target-pdus.ts';

/** What a PDU of the target can bring about in the session. */
export interface SessionEffects {
  readonly exchanges: Exchanges;
  readonly window: CommandWindow;
  readonly rules: TransferRules;
  /** A status with this StatSN has come. */
  countStatus(statSn: number): void;
  /** The target answers requests. */
  requestAnswered(): void;
  /** The target has asked for data of this task. */
  dataWanted(task: Task): void;
  /** Asks the target for a sign of life; what it says of its numbers settles whether the one in doubt is used. */
  ping(doubts: number): void;
  pingAnswered(): void;
  /** The target pings. */
  pinged(nop: NopIn): void;
  continueText(tag: number, targetTransferTag: number): void;
  scsiEvent(lun: Uint8Array, sense: Uint8Array | undefined): void;
  /** The target wants this side to log out within so long. */
  leaveSoon(message: string, allowedMs: number): void;
  /** The logout is through. */
  left(): void;
  broken(fault: Violation): void;
  finish(end: SessionEnd): void;
}

/** Takes the target's PDUs of the full feature phase, one method for each kind. */
export class Dispatcher {
  private readonly session: SessionEffects;

  constructor(session: SessionEffects) {
    this.session = session;
  }

  /** Asked by the parser before the data comes, so that Data-In goes straight to its place. */
  place(header: Uint8Array, byteLength: number): Uint8Array | undefined {
    if (opcodeOf(header) !== OPCODE.dataIn) return undefined;
    const pdu = decodeDataIn(header);
    const task = this.taskOf(pdu.initiatorTaskTag);
    return task && this.valid(acceptDataIn(task, pdu, byteLength));
  }

  take(pdu: ReceivedPdu): void {
    const { header } = pdu;
    switch (opcodeOf(header)) {
      case OPCODE.dataIn:
        return this.takeDataIn(decodeDataIn(header), pdu.data.length);
      case OPCODE.scsiResponse:
        return this.takeResponse(pdu);
      case OPCODE.readyToTransfer:
        return this.takeReadyToTransfer(header);
      case OPCODE.nopIn:
        return this.takeNop(decodeNopIn(header));
      case OPCODE.taskManagementResponse:
        return this.takeManaged(header);
      case OPCODE.textResponse:
        return this.takeText(pdu);
      case OPCODE.logoutResponse:
        this.session.countStatus(decodeLogoutResponse(header).statSn);
        return this.session.left();
      case OPCODE.asyncMessage:
        return this.takeAsync(pdu);
      case OPCODE.reject:
        return this.takeReject(pdu);
      default:
        return this.session.broken({
          field: 'opcode',
          got: `0x${opcodeOf(header).toString(16)}`,
          limit: 'a PDU of the full feature phase',
        });
    }
  }

  private takeDataIn(pdu: DataIn, byteLength: number): void {
    const task = this.taskOf(pdu.initiatorTaskTag);
    if (!task) return;
    if (byteLength === 0) this.valid(acceptDataIn(task, pdu, 0));
    if (!pdu.hasStatus) return;
    this.session.countStatus(pdu.statSn);
    this.answered(task, pdu.status, pdu.residual, undefined);
  }

  private takeResponse(pdu: ReceivedPdu): void {
    const response = decodeScsiResponse(pdu.header);
    this.session.countStatus(response.statSn);
    const task = this.taskOf(response.initiatorTaskTag);
    if (!task) return;
    if (response.response === 0) return this.answered(task, response.status, response.residual, senseOf(pdu.data));
    this.session.exchanges.close(task.tag);
    const message = `the target could not complete the command (iSCSI response ${response.response})`;
    settle(task, { kind: 'failed', reason: 'target-failure', sent: true, message });
  }

  private answered(task: Task, status: number, residual: Residual, sense: Uint8Array | undefined): void {
    this.session.exchanges.close(task.tag);
    settle(task, { kind: 'answered', status, sense, receivedLength: task.received, residual });
  }

  private takeReadyToTransfer(header: Uint8Array): void {
    const r2t = decodeReadyToTransfer(header);
    const task = this.taskOf(r2t.initiatorTaskTag);
    // The data of an abandoned task is no longer ours to send; its abort ends it at the target.
    if (!task || task.abandoned) return;
    const accepted = acceptReadyToTransfer(task, r2t, this.session.rules);
    if (!accepted.ok) return this.session.broken(accepted.violation);
    this.session.dataWanted(task);
  }

  private takeNop(nop: NopIn): void {
    if (nop.initiatorTaskTag !== NO_TAG) {
      this.session.countStatus(nop.statSn);
      const exchange = this.session.exchanges.get(nop.initiatorTaskTag);
      if (exchange?.kind === 'ping') {
        this.session.exchanges.close(nop.initiatorTaskTag);
        this.session.pingAnswered();
        this.settleDoubt(exchange.doubts);
      }
    }
    if (nop.targetTransferTag !== NO_TAG) this.session.pinged(nop);
  }

  private takeManaged(header: Uint8Array): void {
    const { statSn, response, initiatorTaskTag } = decodeTaskManagementResponse(header);
    this.session.countStatus(statSn);
    const { exchanges } = this.session;
    const exchange = exchanges.get(initiatorTaskTag);
    if (exchange?.kind !== 'abort' && exchange?.kind !== 'management') return;
    exchanges.close(initiatorTaskTag);
    this.session.requestAnswered();
    if (exchange.kind === 'management') exchange.done({ kind: 'answered', response });
    else this.takeAborted(exchange.task, response);
  }

  /** Only now is it certain that nothing more is done for the command. */
  /**
   * A target that has not taken the number of a command it rejected waits for it, and every later command waits with it: at
   * error recovery level 0 only a new session goes on (RFC 7143 section 4.2.2.1).
   */
  private settleDoubt(cmdSn: number | undefined): void {
    if (cmdSn === undefined || this.session.window.isUsed(cmdSn)) return;
    const message = 'the target still waits for the number of a command that it rejected';
    this.session.finish({ reason: 'protocol-error', message, retriable: true, waitMs: 0 });
  }

  private takeAborted(task: Task, response: number): void {
    const { functionComplete, taskDoesNotExist } = TASK_MANAGEMENT_RESPONSE;
    if (response !== functionComplete && response !== taskDoesNotExist) {
      return this.abortRefused(`response ${response}`);
    }
    this.session.exchanges.close(task.tag);
    settle(task, { kind: 'failed', reason: 'given-up', sent: true, message: 'the command was given up' });
  }

  /** The task may live on; only the end of the session surely ends it. */
  private abortRefused(why: string): void {
    const message = `the target did not abort a command (${why})`;
    this.session.finish({ reason: 'timeout', message, retriable: true, waitMs: 0 });
  }

  private takeText(pdu: ReceivedPdu): void {
    const text = decodeTextResponse(pdu.header);
    this.session.countStatus(text.statSn);
    const exchange = this.session.exchanges.get(text.initiatorTaskTag);
    if (exchange?.kind !== 'text') return;
    const targets = exchange.list.append(pdu.data, text.final, text.continues);
    if (!targets.ok) return this.session.broken(targets.violation);
    if (!targets.value) return this.session.continueText(text.initiatorTaskTag, text.targetTransferTag);
    this.session.exchanges.close(text.initiatorTaskTag);
    exchange.done({ kind: 'answered', targets: targets.value });
  }

  private takeAsync(pdu: ReceivedPdu): void {
    const message = decodeAsyncMessage(pdu.header);
    this.session.countStatus(message.statSn);
    switch (message.event) {
      case ASYNC_EVENT.scsiEvent:
        return this.session.scsiEvent(message.lun, senseOf(pdu.data));
      case ASYNC_EVENT.requestLogout:
        return this.session.leaveSoon('the target asked for a logout', message.parameter3 * 1000);
      case ASYNC_EVENT.renegotiate:
        // A new login negotiates too (RFC 7143 section 11.9.1 leaves the choice).
        return this.session.leaveSoon('the target asked for a new negotiation', message.parameter3 * 1000);
      case ASYNC_EVENT.connectionDropped:
      case ASYNC_EVENT.sessionDropped: {
        const what = message.event === ASYNC_EVENT.sessionDropped ? 'session' : 'connection';
        const waitMs = message.parameter2 * 1000;
        return this.session.finish({
          reason: 'dropped-by-target',
          message: `the target drops the ${what}`,
          retriable: true,
          waitMs,
        });
      }
    }
  }

  private takeReject(pdu: ReceivedPdu): void {
    const { reason, statSn } = decodeReject(pdu.header);
    this.session.countStatus(statSn);
    if (reason === REJECT_REASON.waitingForLogout) return this.session.leaveSoon('the target waits for a logout', 0);
    // The data segment is the header of the PDU that was rejected.
    if (pdu.data.length < AT.word20) return;
    this.rejected(readU32(pdu.data, AT.initiatorTaskTag), opcodeOf(pdu.data), `reason 0x${reason.toString(16)}`);
  }

  private rejected(tag: number, opcode: number, why: string): void {
    const exchange = this.session.exchanges.get(tag);
    const message = `the target rejected a PDU (${why})`;
    switch (exchange?.kind) {
      case 'command':
        // A rejected Data-Out leaves the command itself alive: its response comes, or its timeout.
        if (opcode !== OPCODE.scsiCommand) return;
        this.session.exchanges.close(tag);
        settle(exchange.task, { kind: 'failed', reason: 'rejected', sent: false, message });
        if (!this.session.window.isUsed(exchange.task.cmdSn)) this.session.ping(exchange.task.cmdSn);
        return;
      case 'text':
        this.session.exchanges.close(tag);
        return exchange.done({ kind: 'failed', message });
      case 'abort':
        return this.abortRefused(why);
      case 'management':
        this.session.exchanges.close(tag);
        return exchange.done({ kind: 'failed', message });
      case 'ping':
        this.session.exchanges.close(tag);
        return this.session.pingAnswered();
      case 'logout':
        return this.session.left();
      case undefined:
        return;
    }
  }

  private taskOf(tag: number): Task | undefined {
    return this.valid(this.session.exchanges.taskOf(tag));
  }

  private valid<T>(result: Decoded<T>): T | undefined {
    if (result.ok) return result.value;
    this.session.broken(result.violation);
    return undefined;
  }
}
