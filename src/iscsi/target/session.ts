import { readU32, toHex } from '../../base/bytes.ts';
import { bidirectionalReadLengthOf } from '../additional-header.ts';
import { AT, copyOf, HEADER_LENGTH, isImmediate, NO_TAG, OPCODE, opcodeOf } from '../header.ts';
import {
  decodeLogoutRequest,
  decodeNopOut,
  decodeScsiCommand,
  decodeTaskManagementRequest,
  decodeTextRequest,
  LOGOUT_REASON,
} from '../initiator-pdus.ts';
import type { ReceivedPdu } from '../parser.ts';
import {
  encodeLogoutResponse,
  encodeNopIn,
  encodeReject,
  encodeTaskManagementResponse,
  encodeTextResponse,
  REJECT_REASON,
} from '../target-pdus.ts';
import { COMMAND_WINDOW, type CommandWindow } from './command-window.ts';
import { DataOutCollector } from './data-out.ts';
import { CHECK_CONDITION } from './protocol-sense.ts';
import { nexusName, type SessionRegistry } from './registry.ts';
import { sendReply } from './reply.ts';
import { TargetTask } from './task.ts';
import { manageTasks } from './task-management.ts';
import { TextExchange, type TextContext } from './text.ts';
import type { Closing, TargetEventKind, TargetHost, TargetLink, TargetReply } from './types.ts';

export interface SessionIdentity {
  readonly initiatorName: string;
  readonly isid: Uint8Array;
  readonly tsih: number;
  readonly discovery: boolean;
  readonly connectionId: number;
}

/** What a session needs of its one connection. */
export interface SessionParts {
  readonly link: TargetLink;
  readonly window: CommandWindow;
  readonly registry: SessionRegistry;
  readonly host: TargetHost;
  readonly text: TextContext;
  execute(task: TargetTask): void;
  /** The session is over. */
  close(why: string, kind: TargetEventKind, how: Closing): void;
}

/** Immediate commands are outside the command window; this bounds them. */
const MAX_TASKS = 2 * COMMAND_WINDOW;
/** Task management functions that wait for tasks to end, or for a reset; each waits for many tasks. */
const MAX_FUNCTIONS = 32;
const TEXT_TAG = 1;
const TASK_ABORTED: TargetReply = { status: 0x40 };
const TASK_SET_FULL: TargetReply = { status: 0x28 };

/** The full feature phase of a session (RFC 7143 section 4.2.2) with its one connection. */
export class TargetSession {
  readonly initiatorName: string;
  readonly isid: string;
  readonly nexus: string;
  readonly tsih: number;
  readonly discovery: boolean;
  readonly tasks = new Map<number, TargetTask>();
  readonly window: CommandWindow;
  private readonly connectionId: number;
  private readonly parts: SessionParts;
  private readonly collector: DataOutCollector;
  private readonly text: TextExchange;
  private functions = 0;
  private over = false;

  constructor(identity: SessionIdentity, parts: SessionParts) {
    this.initiatorName = identity.initiatorName;
    this.isid = toHex(identity.isid);
    this.nexus = nexusName(identity.initiatorName, identity.isid);
    this.tsih = identity.tsih;
    this.discovery = identity.discovery;
    this.connectionId = identity.connectionId;
    this.window = parts.window;
    this.parts = parts;
    this.collector = new DataOutCollector(parts.link, parts.registry, (task) => this.collected(task));
    this.text = new TextExchange(parts.text);
  }

  begin(): void {
    this.parts.registry.add(this);
    if (!this.discovery) this.parts.host.nexusOpened(this.nexus);
  }

  /** Aborts what is under way; the nexus is gone. */
  end(): void {
    if (this.over) return;
    this.over = true;
    const executing = [...this.tasks.values()].filter((task) => task.state === 'executing');
    for (const task of this.tasks.values()) this.abort(task);
    this.parts.registry.remove(this, executing);
    if (!this.discovery) this.parts.host.nexusLost(this.nexus);
  }

  drop(why: string, kind: TargetEventKind, how: Closing): void {
    this.parts.close(why, kind, how);
  }

  place(header: Uint8Array, byteLength: number): Uint8Array | undefined {
    const opcode = opcodeOf(header);
    if (opcode === OPCODE.scsiCommand) return this.collector.placeImmediate(header, byteLength);
    if (opcode !== OPCODE.dataOut) return undefined;
    const task = this.tasks.get(readU32(header, AT.initiatorTaskTag));
    return task && this.collector.place(task, header, byteLength);
  }

  receive(pdu: ReceivedPdu): void {
    const opcode = opcodeOf(pdu.header);
    if (!pdu.dataDigestValid) this.reject(pdu.header, REJECT_REASON.dataDigestError);
    if (opcode === OPCODE.dataOut) return this.dataOut(pdu);
    if (this.discovery && (opcode === OPCODE.scsiCommand || opcode === OPCODE.taskManagementRequest)) {
      return this.rejectInOrder(pdu.header, REJECT_REASON.protocolError);
    }
    if (opcode === OPCODE.scsiCommand) return this.scsiCommand(pdu);
    if (!pdu.dataDigestValid) return this.inOrder(pdu.header, () => undefined);
    switch (opcode) {
      case OPCODE.nopOut:
        return this.nopOut(pdu);
      case OPCODE.taskManagementRequest:
        return this.taskManagement(pdu.header);
      case OPCODE.textRequest:
        return this.textRequest(pdu);
      case OPCODE.logoutRequest:
        return this.logout(pdu.header);
      case OPCODE.snackRequest:
        return this.reject(pdu.header, REJECT_REASON.snackReject);
      case OPCODE.loginRequest:
        return this.reject(pdu.header, REJECT_REASON.protocolError);
      default:
        return this.reject(pdu.header, REJECT_REASON.commandNotSupported);
    }
  }

  /** The device server is done with a task; its answer goes out unless nobody waits for it any more. */
  complete(task: TargetTask, reply: TargetReply): void {
    if (task.state !== 'executing') return;
    if (this.tasks.get(task.initiatorTaskTag) === task) this.answer(task, task.aborted ? TASK_ABORTED : reply);
    task.end();
  }

  abort(task: TargetTask): void {
    this.forget(task);
    task.abort();
  }

  /** For another nexus: the initiator of the task is told so (TAS, SPC-4 7.5.8) once nothing happens on its behalf any more. */
  abortForAnother(task: TargetTask): void {
    task.abort();
    if (task.state === 'ended') this.answer(task, TASK_ABORTED);
  }

  private answer(task: TargetTask, reply: TargetReply): void {
    this.forget(task);
    sendReply(this.parts.link, task, reply);
  }

  private forget(task: TargetTask): void {
    this.tasks.delete(task.initiatorTaskTag);
    if (task.counted) this.window.commandEnded();
    task.counted = false;
    // What was aborted is still in memory until the device server lets go of it.
    if (task.state === 'executing') task.onceEnded(() => this.collector.release(task));
    else this.collector.release(task);
  }

  /** Immediate requests at once, others when their turn by CmdSN comes; those outside the window never. */
  private inOrder(header: Uint8Array, carryOut: () => void): void {
    if (isImmediate(header)) return carryOut();
    const cmdSn = readU32(header, AT.cmdSn);
    if (!this.window.admits(cmdSn)) return;
    this.window.deliverInOrder(cmdSn, () => {
      if (!this.over) carryOut();
    });
  }

  private scsiCommand(pdu: ReceivedPdu): void {
    const command = decodeScsiCommand(pdu.header, pdu.additionalHeader);
    if (!command.immediate && !this.window.admits(command.cmdSn)) return;
    if (this.tasks.has(command.initiatorTaskTag)) return this.rejectInOrder(pdu.header, REJECT_REASON.taskInProgress);
    if (this.tasks.size >= MAX_TASKS) return this.rejectInOrder(pdu.header, REJECT_REASON.immediateCommandReject);
    const task = new TargetTask(this.nexus, command, bidirectionalReadLengthOf(pdu.additionalHeader));
    this.tasks.set(task.initiatorTaskTag, task);
    this.collector.begin(task, command, pdu);
    this.inOrder(pdu.header, () => this.deliver(task));
  }

  private deliver(task: TargetTask): void {
    if (task.aborted) return;
    task.delivered = true;
    task.counted = !task.immediate;
    if (task.counted) this.window.commandStarted();
    const { registry } = this.parts;
    if (registry.order.isTurn(task)) this.collector.proceed(task);
    else registry.order.onceItsTurn(task, registry.all(), () => this.collector.proceed(task));
  }

  private collected(task: TargetTask): void {
    if (!task.fault && !task.turnedAway) return this.parts.execute(task);
    this.answer(task, task.fault ? { status: CHECK_CONDITION, sense: task.fault } : TASK_SET_FULL);
    task.end();
  }

  private dataOut(pdu: ReceivedPdu): void {
    const task = this.tasks.get(readU32(pdu.header, AT.initiatorTaskTag));
    if (task) this.collector.receive(task, pdu);
  }

  get isOver(): boolean {
    return this.over;
  }

  private taskManagement(pduHeader: Uint8Array): void {
    const request = decodeTaskManagementRequest(pduHeader);
    const header = copyOf(pduHeader, 0, HEADER_LENGTH);
    this.inOrder(header, () => {
      if (this.functions >= MAX_FUNCTIONS) return this.reject(header, REJECT_REASON.immediateCommandReject);
      this.functions += 1;
      manageTasks(this.parts, this, request, (response) => {
        this.functions -= 1;
        if (this.over) return;
        const { initiatorTaskTag } = request;
        const counters = this.parts.link.counters('status');
        this.parts.link.send(encodeTaskManagementResponse({ response, initiatorTaskTag, ...counters }));
      });
    });
  }

  private nopOut(pdu: ReceivedPdu): void {
    const { lun, initiatorTaskTag } = decodeNopOut(pdu.header);
    // An answer to an own NOP-In, or a mere sign of life: that something came is all there is to know.
    if (initiatorTaskTag === NO_TAG) return;
    const { link } = this.parts;
    this.inOrder(pdu.header, () => {
      const echo = pdu.data.subarray(0, link.parameters.maxSendDataSegmentLength);
      const tags = { lun, initiatorTaskTag, targetTransferTag: NO_TAG };
      link.send(encodeNopIn({ ...tags, ...link.counters('status') }), echo);
    });
  }

  private textRequest(pdu: ReceivedPdu): void {
    const request = decodeTextRequest(pdu.header);
    const header = copyOf(pdu.header, 0, HEADER_LENGTH);
    this.inOrder(pdu.header, () => {
      if (request.targetTransferTag === NO_TAG) this.text.restart();
      const answers = this.text.receive(pdu.data, request.continues);
      if (!answers) return this.reject(header, REJECT_REASON.invalidPduField);
      const { link } = this.parts;
      const response = encodeTextResponse({
        final: answers.complete && request.final,
        continues: answers.continues,
        lun: request.lun,
        initiatorTaskTag: request.initiatorTaskTag,
        targetTransferTag: answers.complete && request.final ? NO_TAG : TEXT_TAG,
        ...link.counters('status'),
      });
      link.send(response, answers.segment);
    });
  }

  private logout(header: Uint8Array): void {
    const request = decodeLogoutRequest(header);
    this.inOrder(header, () => {
      const response = this.logoutResponse(request.reason, request.connectionId);
      if (response === 0) this.end();
      const { link } = this.parts;
      const { initiatorTaskTag } = request;
      const times = { timeToWait: 0, timeToRetain: 0 };
      link.send(encodeLogoutResponse({ response, initiatorTaskTag, ...times, ...link.counters('status') }));
      if (response === 0) this.parts.close('logout', 'logged-out', 'after-output');
    });
  }

  private logoutResponse(reason: number, connectionId: number): number {
    if (reason === LOGOUT_REASON.closeSession) return 0;
    if (reason !== LOGOUT_REASON.closeConnection) return 2;
    return connectionId === this.connectionId ? 0 : 1;
  }

  /** Its number counts as used: the commands behind it must not wait for ever. */
  private rejectInOrder(header: Uint8Array, reason: number): void {
    this.reject(header, reason);
    this.inOrder(header, () => undefined);
  }

  private reject(header: Uint8Array, reason: number): void {
    const { link } = this.parts;
    link.send(encodeReject({ reason, dataSn: 0, ...link.counters('status') }), copyOf(header, 0, HEADER_LENGTH));
  }
}
