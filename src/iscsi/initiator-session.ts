import { serialAdd, serialLess } from '../base/serial.ts';
import { describeViolation, type Violation } from '../base/violation.ts';
import { appendPdu, NO_DIGESTS } from './framing.ts';
import { NO_TAG, OPCODE, opcodeOf } from './header.ts';
import { Dispatcher, type SessionEffects } from './initiator-dispatch.ts';
import { Exchanges, type Exchange } from './initiator-exchanges.ts';
import { createLogin, type Login, type LoginOptions } from './initiator-login.ts';
import {
  abortTaskRequest,
  logoutRequest,
  pingAnswer,
  pingRequest,
  textRequest,
  unitResetRequest,
  type Numbers,
} from './initiator-requests.ts';
import { createTargetList } from './initiator-send-targets.ts';
import { createTask, sendCommand, sendWanted, settle, type SendContext, type Task } from './initiator-task.ts';
import { createCommandWindow } from './initiator-window.ts';
import {
  DEFAULT_INITIATOR_LIMITS,
  type CommandRequest,
  type InitiatorEvents,
  type InitiatorLimits,
  type ManagementOutcome,
  type SendTargetsOutcome,
  type SessionEnd,
} from './initiator.ts';
import type { OperationalParameters } from './negotiation.ts';
import { createPduParser, type ReceivedPdu } from './parser.ts';
import { countersOf, type NopIn } from './target-pdus.ts';
import { encodeText } from './text.ts';

export interface InitiatorOptions extends LoginOptions {
  readonly firstCmdSn: number;
  readonly limits?: Partial<InitiatorLimits>;
}

/** One connection of one session, from its login to its end. Every call carries the time of the driver's clock. */
export interface Initiator {
  start(nowMs: number): void;
  receive(bytes: Uint8Array, nowMs: number): void;
  /** Queues a command; it goes out as soon as login, window and send buffer allow. */
  submit(request: CommandRequest, nowMs: number): void;
  /** Has the target abort the command; its `done` is called when nothing more is done for it. */
  giveUp(request: CommandRequest, nowMs: number): void;
  /** LOGICAL UNIT RESET. Commands of this side that it aborts at the target end by their deadline, if not before. */
  resetUnit(lun: Uint8Array, deadlineMs: number, nowMs: number, done: (outcome: ManagementOutcome) => void): void;
  sendTargets(deadlineMs: number, nowMs: number, done: (outcome: SendTargetsOutcome) => void): void;
  /** Leaves in order; commands in flight are given up. */
  logout(nowMs: number): void;
  /** The stream has ended. */
  connectionLost(message: string, nowMs: number): void;
  /** The send buffer is full, or has room again. While it is full nothing that can wait is sent. */
  setCongested(congested: boolean, nowMs: number): void;
  /** Carries out whatever the time has come for. */
  tick(nowMs: number): void;
  /** When `tick` is wanted next; Infinity: never. */
  nextDeadlineMs(): number;
  /** What is to be sent, in order; empties the batch. */
  takeBatch(): Uint8Array[];
}

/** Answers to the target's pings that may wait for room in the send buffer. */
const MAX_WAITING_ANSWERS = 16;
const LOGGED_OUT: SessionEnd = { reason: 'logged-out', message: 'logged out', retriable: true, waitMs: 0 };

export function createInitiator(options: InitiatorOptions, events: InitiatorEvents): Initiator {
  return new InitiatorSession(options, events);
}

class InitiatorSession implements Initiator, SessionEffects {
  readonly exchanges = new Exchanges();
  private readonly events: InitiatorEvents;
  private readonly limits: InitiatorLimits;
  private readonly login: Login;
  readonly window;
  private readonly parser;
  private readonly dispatcher = new Dispatcher(this);
  private phase: 'new' | 'login' | 'running' | 'leaving' | 'ended' = 'new';
  private parameters: OperationalParameters | undefined;
  private queue: Task[] = [];
  private batch: Uint8Array[] = [];
  private waitingAnswers: NopIn[] = [];
  private waitingForData: Task[] = [];
  private congested = false;
  private expStatSn = 0;
  private nowMs = 0;
  private heardMs = 0;
  private loginDeadlineMs = Infinity;
  private pinging = false;
  /** The target wants this side to leave: as soon as no command is in flight, at the latest then. */
  private leaveByMs = Infinity;
  private leaveAs: SessionEnd | undefined;
  /** A request was not answered in time, and nothing has shown since that the target still answers requests. */
  private unanswered = false;

  constructor(options: InitiatorOptions, events: InitiatorEvents) {
    this.events = events;
    this.limits = { ...DEFAULT_INITIATOR_LIMITS, ...options.limits };
    this.login = createLogin(options, options.firstCmdSn);
    this.window = createCommandWindow(options.firstCmdSn);
    this.parser = createPduParser({
      pdu: (pdu) => this.take(pdu),
      place: (header, byteLength) => (this.phase === 'login' ? undefined : this.dispatcher.place(header, byteLength)),
    });
  }

  get rules(): OperationalParameters {
    return this.parameters!;
  }

  start(nowMs: number): void {
    this.nowMs = nowMs;
    this.phase = 'login';
    this.loginDeadlineMs = nowMs + this.limits.loginTimeoutMs;
    this.login.start(this.batch);
  }

  receive(bytes: Uint8Array, nowMs: number): void {
    this.nowMs = nowMs;
    this.heardMs = nowMs;
    const fault = this.parser.feed(bytes);
    if (fault) this.broken(fault);
    this.pump();
  }

  submit(request: CommandRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const task = createTask(request, this.exchanges.newTag());
    // What comes while this side leaves is handed back, not sent, when it has left: it goes over the next connection.
    if (this.phase === 'ended') {
      const message = 'the session has ended';
      return settle(task, { kind: 'failed', reason: 'connection-lost', sent: false, message });
    }
    this.queue.push(task);
    this.pump();
  }

  giveUp(request: CommandRequest, nowMs: number): void {
    this.nowMs = nowMs;
    const queued = this.queue.find((task) => task.request === request);
    if (queued) {
      this.queue = this.queue.filter((task) => task !== queued);
      return settle(queued, { kind: 'failed', reason: 'given-up', sent: false, message: 'the command was given up' });
    }
    const task = this.exchanges.taskFor(request);
    if (task) this.sendAbort(task);
  }

  resetUnit(lun: Uint8Array, deadlineMs: number, nowMs: number, done: (outcome: ManagementOutcome) => void): void {
    this.nowMs = nowMs;
    if (this.phase !== 'running') return done({ kind: 'failed', message: 'the session is not logged in' });
    const tag = this.exchanges.newTag();
    this.exchanges.open(tag, { kind: 'management', done, deadlineMs });
    this.send(unitResetRequest(tag, lun, this.numbers()));
  }

  sendTargets(deadlineMs: number, nowMs: number, done: (outcome: SendTargetsOutcome) => void): void {
    this.nowMs = nowMs;
    if (this.phase !== 'running') return done({ kind: 'failed', message: 'the session is not logged in' });
    const tag = this.exchanges.newTag();
    this.exchanges.open(tag, { kind: 'text', list: createTargetList(), done, deadlineMs });
    this.send(textRequest(tag, NO_TAG, this.numbers()), encodeText([['SendTargets', 'All']]));
  }

  logout(nowMs: number): void {
    this.nowMs = nowMs;
    // Whoever has just waited for nothing should not wait for the answer to a logout too.
    if (this.phase === 'running' && !this.unanswered) this.leave(LOGGED_OUT);
    else if (this.phase !== 'leaving') this.finish(LOGGED_OUT);
  }

  connectionLost(message: string, nowMs: number): void {
    this.nowMs = nowMs;
    if (this.phase === 'leaving') return this.left();
    this.finish({ reason: 'connection-lost', message, retriable: true, waitMs: 0 });
  }

  setCongested(congested: boolean, nowMs: number): void {
    this.nowMs = nowMs;
    this.congested = congested;
    this.pump();
  }

  takeBatch(): Uint8Array[] {
    const { batch } = this;
    if (batch.length > 0) this.batch = [];
    return batch;
  }

  nextDeadlineMs(): number {
    if (this.phase === 'ended') return Infinity;
    let next = Math.min(this.loginDeadlineMs, this.leaveByMs, this.nextPingMs(), this.exchanges.nextDeadlineMs());
    for (const task of this.queue) next = Math.min(next, task.request.deadlineMs);
    return next;
  }

  tick(nowMs: number): void {
    this.nowMs = nowMs;
    if (this.phase === 'ended') return;
    if (nowMs >= this.loginDeadlineMs) return this.timedOut(`no end of the login in ${this.limits.loginTimeoutMs} ms`);
    this.expireQueue();
    for (const [tag, exchange] of this.exchanges.due(nowMs)) {
      // One that expired may have ended the session, and with it all the others.
      if (this.exchanges.get(tag) === exchange) this.expire(tag, exchange);
    }
    if (nowMs >= this.nextPingMs()) this.ping();
    if (nowMs >= this.leaveByMs && this.leaveAs) this.leave(this.leaveAs);
    this.pump();
  }

  private expireQueue(): void {
    const due = this.queue.filter((task) => this.nowMs >= task.request.deadlineMs);
    if (due.length === 0) return;
    this.queue = this.queue.filter((task) => !due.includes(task));
    const message = 'the target took no command in time';
    for (const task of due) settle(task, { kind: 'failed', reason: 'timeout', sent: false, message });
  }

  private expire(tag: number, exchange: Exchange): void {
    this.unanswered = true;
    switch (exchange.kind) {
      case 'command':
        return this.abort(exchange.task);
      case 'text':
        this.exchanges.close(tag);
        return exchange.done({ kind: 'failed', message: 'no answer to SendTargets in time' });
      case 'management':
        this.exchanges.close(tag);
        return exchange.done({ kind: 'failed', message: 'no answer to the reset in time' });
      case 'abort':
        return this.timedOut(`no answer to ABORT TASK in ${this.limits.abortTimeoutMs} ms`);
      case 'ping':
        return this.timedOut(`no answer to a ping in ${this.limits.pingTimeoutMs} ms`);
      case 'logout':
        return this.left();
    }
  }

  /** The caller is told at once; the tag stays taken until the target has said that the task is gone. */
  private abort(task: Task): void {
    settle(task, { kind: 'failed', reason: 'timeout', sent: true, message: 'no answer to the command in time' });
    this.sendAbort(task);
  }

  private sendAbort(task: Task): void {
    if (this.phase !== 'running' || task.aborting) return;
    task.aborting = true;
    const tag = this.exchanges.newTag();
    this.exchanges.open(tag, { kind: 'abort', task, deadlineMs: this.nowMs + this.limits.abortTimeoutMs });
    this.send(abortTaskRequest(tag, task, this.numbers()));
  }

  private nextPingMs(): number {
    return this.phase === 'running' && !this.pinging ? this.heardMs + this.limits.pingIntervalMs : Infinity;
  }

  ping(doubts?: number): void {
    const tag = this.exchanges.newTag();
    this.pinging = true;
    this.exchanges.open(tag, { kind: 'ping', doubts, deadlineMs: this.nowMs + this.limits.pingTimeoutMs });
    this.send(pingRequest(tag, this.numbers()));
  }

  private leave(end: SessionEnd): void {
    const tag = this.exchanges.newTag();
    this.phase = 'leaving';
    this.leaveAs = end;
    this.leaveByMs = Infinity;
    this.exchanges.open(tag, { kind: 'logout', deadlineMs: this.nowMs + this.limits.abortTimeoutMs });
    this.send(logoutRequest(tag, this.numbers()));
  }

  /** Sends what waits: answers to pings, data that the target asked for, then new commands. */
  private pump(): void {
    if (this.phase !== 'running' || this.congested) return;
    for (const nop of this.waitingAnswers.splice(0)) this.send(pingAnswer(nop, this.numbers()));
    const context: SendContext = { batch: this.batch, rules: this.rules, expStatSn: this.expStatSn };
    for (const task of this.waitingForData.splice(0)) sendWanted(task, context);
    if (!this.leaveAs) this.startCommands(context);
    else if (this.exchanges.commandCount === 0) this.leave(this.leaveAs);
  }

  private startCommands(context: SendContext): void {
    const { exchanges, limits, queue, window } = this;
    while (queue.length > 0 && window.isOpen() && exchanges.commandCount < limits.commandsInFlight) {
      const task = queue.shift()!;
      task.cmdSn = window.take();
      exchanges.open(task.tag, { kind: 'command', task, deadlineMs: task.request.deadlineMs });
      sendCommand(task, context);
    }
  }

  private take(pdu: ReceivedPdu): void {
    if (!pdu.dataDigestValid) {
      return this.finish({
        reason: 'protocol-error',
        message: 'a data digest did not match',
        retriable: true,
        waitMs: 0,
      });
    }
    const { expCmdSn, maxCmdSn } = countersOf(pdu.header);
    this.window.update(expCmdSn, maxCmdSn);
    if (this.phase === 'login') this.takeLogin(pdu);
    else this.dispatcher.take(pdu);
  }

  private takeLogin(pdu: ReceivedPdu): void {
    const opcode = opcodeOf(pdu.header);
    if (opcode !== OPCODE.loginResponse) {
      return this.broken({ field: 'opcode', got: `0x${opcode.toString(16)}`, limit: 'a Login Response' });
    }
    const progress = this.login.receive(pdu.header, pdu.data, this.batch);
    if (progress.kind === 'refused') return this.finish(progress.end);
    if (progress.kind === 'continues') return;
    this.phase = 'running';
    this.loginDeadlineMs = Infinity;
    this.parameters = progress.parameters;
    this.expStatSn = progress.expStatSn;
    this.parser.rules.digests = progress.parameters.digests;
    this.parser.rules.maxDataSegmentLength = progress.parameters.maxRecvDataSegmentLength;
    this.events.loggedIn();
  }

  /** StatSN is followed, not checked: on one connection at error recovery level 0 nothing can be missing. */
  countStatus(statSn: number): void {
    if (!serialLess(statSn, this.expStatSn)) this.expStatSn = serialAdd(statSn, 1);
  }

  requestAnswered(): void {
    this.unanswered = false;
  }

  dataWanted(task: Task): void {
    this.waitingForData.push(task);
  }

  pingAnswered(): void {
    this.pinging = false;
  }

  pinged(nop: NopIn): void {
    this.waitingAnswers.push(nop);
    if (this.waitingAnswers.length > MAX_WAITING_ANSWERS) {
      this.broken({ field: 'NOP-In', got: 'pings without end', limit: `${MAX_WAITING_ANSWERS} unanswered` });
    }
  }

  continueText(tag: number, targetTransferTag: number): void {
    this.send(textRequest(tag, targetTransferTag, this.numbers()));
  }

  scsiEvent(lun: Uint8Array, sense: Uint8Array | undefined): void {
    this.events.scsiEvent?.(lun, sense);
  }

  leaveSoon(message: string, allowedMs: number): void {
    if (this.phase !== 'running' || this.leaveAs) return;
    this.leaveAs = { reason: 'dropped-by-target', message, retriable: true, waitMs: 0 };
    this.leaveByMs = this.nowMs + allowedMs / 2;
  }

  left(): void {
    if (this.leaveAs && this.phase === 'leaving') this.finish(this.leaveAs);
  }

  broken(fault: Violation): void {
    const message = `the target broke the protocol: ${describeViolation(fault)}`;
    this.finish({ reason: 'protocol-error', message, retriable: false, waitMs: 0 });
  }

  private timedOut(message: string): void {
    this.finish({ reason: 'timeout', message, retriable: true, waitMs: 0 });
  }

  finish(end: SessionEnd): void {
    if (this.phase === 'ended') return;
    this.phase = 'ended';
    this.parser.stop();
    const failure = { kind: 'failed', reason: 'connection-lost', message: end.message } as const;
    for (const exchange of this.exchanges.closeAll()) {
      if (exchange.kind === 'command') settle(exchange.task, { ...failure, sent: true });
      else if (exchange.kind === 'text' || exchange.kind === 'management') {
        exchange.done({ kind: 'failed', message: end.message });
      }
    }
    for (const task of this.queue.splice(0)) settle(task, { ...failure, sent: false });
    this.events.ended(end);
  }

  private numbers(): Numbers {
    return { cmdSn: this.window.next, expStatSn: this.expStatSn };
  }

  private send(header: Uint8Array, data?: Uint8Array): void {
    appendPdu(this.batch, header, data, this.parameters?.digests ?? NO_DIGESTS);
  }
}
