import { describeViolation } from '../../base/violation.ts';
import { serialAdd } from '../../base/serial.ts';
import { appendPdu, NO_DIGESTS, type Digests } from '../framing.ts';
import { NO_TAG, OPCODE, opcodeOf } from '../header.ts';
import { decodeLoginRequest, encodeLoginResponse, LOGIN_STATUS, STAGE, type LoginRequest } from '../login-pdus.ts';
import { createNegotiator, type OperationalParameters } from '../negotiation.ts';
import { createPduParser, type PduParser, type ReceivedPdu } from '../parser.ts';
import { ASYNC_EVENT, encodeAsyncMessage, encodeNopIn, type TargetCounters } from '../target-pdus.ts';
import { CommandWindow } from './command-window.ts';
import { DataInBudget } from './data-in-budget.ts';
import { shareOfRoom } from './fair-share.ts';
import type { LoginPatience } from './login-patience.ts';
import { TargetLogin, type LoginResult, type LoginStep } from './login.ts';
import { nexusName, type SessionRegistry } from './registry.ts';
import type { Attempts } from './security.ts';
import { TargetSession } from './session.ts';
import type { TargetTask } from './task.ts';
import type { Closing, TargetEventKind, TargetLink, TargetParts, TargetReply } from './types.ts';

/** How a connection comes to the engine. */
export interface ConnectionFacts {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly nowMs: number;
  /** Called when there is output to take or the connection is to be closed; possibly several times in a row. */
  wake(): void;
  /** Carries out the task, then calls `complete` of this connection, once, whether the task was aborted or not. */
  execute(task: TargetTask): void;
}

const NO_LUN = new Uint8Array(8);
const NO_TEXT = new Uint8Array(0);
const KEEPALIVE_TAG = 0;

/** One connection of a target from the first byte to the last: login, then the session. Does no I/O. */
export class TargetConnection implements TargetLink {
  readonly remoteAddress: string;
  parameters: OperationalParameters;
  closing: Closing = 'no';
  private readonly parts: TargetParts;
  private readonly registry: SessionRegistry;
  private readonly facts: ConnectionFacts;
  private readonly parser: PduParser;
  private readonly login: TargetLogin;
  private readonly reads: DataInBudget;
  private batch: Uint8Array[] = [];
  private digests: Digests = NO_DIGESTS;
  private statSn = 0;
  private window: CommandWindow | undefined;
  private session: TargetSession | undefined;
  private readonly loginDeadlineMs: number;
  private logoutDeadlineMs: number | undefined;
  private heardMs: number;
  /** When a sign of life was asked for, since it was last heard of. */
  private askedMs: number | undefined;
  private waiting = false;

  constructor(parts: TargetParts, registry: SessionRegistry, patience: LoginPatience, facts: ConnectionFacts) {
    this.parts = parts;
    this.registry = registry;
    this.facts = facts;
    this.reads = new DataInBudget(
      (task) => facts.execute(task),
      () => shareOfRoom(registry.size),
    );
    this.remoteAddress = facts.remoteAddress;
    this.heardMs = facts.nowMs;
    this.loginDeadlineMs = facts.nowMs + parts.configuration.loginTimeoutMs;
    this.parameters = createNegotiator(parts.configuration.values).result();
    this.login = new TargetLogin(
      parts.configuration,
      parts.random,
      (tsih) => registry.has(tsih),
      (name) => this.attempts(patience, name),
    );
    this.parser = createPduParser({
      pdu: (pdu) => this.receive(pdu),
      place: (header, byteLength) => this.session?.place(header, byteLength),
    });
  }

  private attempts(patience: LoginPatience, name: () => string): Attempts {
    const { remoteAddress } = this;
    return {
      waitMs: () => patience.waitMs(remoteAddress, name(), this.heardMs),
      failed: () => patience.failed(remoteAddress, name(), this.heardMs),
      proved: () => patience.proved(remoteAddress, name()),
    };
  }

  /** The name that the initiator has given; empty before that. */
  get initiatorName(): string {
    return this.login.initiatorName;
  }

  /** The session of this connection once it is in the full feature phase. */
  get current(): TargetSession | undefined {
    return this.closing === 'no' ? this.session : undefined;
  }

  feed(chunk: Uint8Array, nowMs: number): void {
    this.heardMs = nowMs;
    this.askedMs = undefined;
    const violation = this.parser.feed(chunk);
    if (violation) this.breakOff(describeViolation(violation));
  }

  complete(task: TargetTask, reply: TargetReply): void {
    this.session?.complete(task, reply);
    this.reads.ended(task);
  }

  /** The chunks to send now; the caller owns the array, and says with `outputSent` when it is rid of them. */
  takeOutput(): Uint8Array[] {
    const batch = this.batch;
    this.batch = [];
    this.reads.taken();
    return batch;
  }

  /** Whatever was taken has gone, or the transport has room for more at least. */
  outputSent(): void {
    this.reads.sent();
  }

  /** When `tick` wants to be called next; milliseconds on the caller's clock. */
  deadlineMs(): number {
    if (!this.session) return this.loginDeadlineMs;
    // Counted from the question: an array that stood still for long asks late, and leaves as much time to answer.
    const silentUntilMs = (this.askedMs ?? this.heardMs) + this.parts.configuration.keepaliveMs;
    return Math.min(silentUntilMs, this.logoutDeadlineMs ?? Infinity);
  }

  tick(nowMs: number): void {
    if (this.closing !== 'no' || nowMs < this.deadlineMs()) return;
    if (!this.session) return this.breakOff('no login in time');
    if (nowMs >= (this.logoutDeadlineMs ?? Infinity)) return this.breakOff('no logout in time');
    if (this.askedMs !== undefined) return this.breakOff('no sign of life');
    this.askedMs = nowMs;
    const tags = { lun: NO_LUN, initiatorTaskTag: NO_TAG, targetTransferTag: KEEPALIVE_TAG };
    this.send(encodeNopIn({ ...tags, ...this.counters('no-status') }));
  }

  /** Asks the initiator to log out within `seconds`, as before a shutdown; then the connection is dropped. */
  requestLogout(nowMs: number, seconds: number): void {
    if (this.closing !== 'no') return;
    if (!this.session) return this.breakOff('shutting down');
    this.logoutDeadlineMs = nowMs + seconds * 1000;
    const event = {
      event: ASYNC_EVENT.requestLogout,
      vendorCode: 0,
      parameter1: 0,
      parameter2: 0,
      parameter3: seconds,
    };
    this.send(encodeAsyncMessage({ lun: NO_LUN, ...event, ...this.counters('status') }));
  }

  /** The stream has ended, by whatever cause. */
  lost(): void {
    if (this.closing === 'no') this.close('the connection ended', 'lost', 'now');
  }

  send(header: Uint8Array, data?: Uint8Array): void {
    if (this.closing !== 'no') return;
    appendPdu(this.batch, header, data, this.digests);
    if (data) this.reads.produced(data.length);
    this.facts.wake();
  }

  counters(use: 'status' | 'no-status'): TargetCounters {
    const statSn = this.statSn;
    if (use === 'status') this.statSn = serialAdd(statSn, 1);
    return { statSn, expCmdSn: this.window!.expected, maxCmdSn: this.window!.maxCmdSn };
  }

  private receive(pdu: ReceivedPdu): void {
    if (this.session) return this.session.receive(pdu);
    if (opcodeOf(pdu.header) !== OPCODE.loginRequest || this.waiting) {
      return this.breakOff(`opcode 0x${opcodeOf(pdu.header).toString(16)} before the login was done`);
    }
    const request = decodeLoginRequest(pdu.header);
    if (!this.window) {
      this.window = new CommandWindow(request.cmdSn);
      this.statSn = request.expStatSn;
    }
    this.answerLogin(request, this.login.receive(request, pdu.data));
  }

  private answerLogin(request: LoginRequest, step: LoginStep): void {
    if (step.kind === 'refused') return this.refuseLogin(request, step.status, step.why, step.text);
    if (step.finished) return this.finishLogin(request, step.text, step.finished);
    this.sendLoginResponse(request, { transit: step.transit, tsih: request.tsih, text: step.text });
  }

  private refuseLogin(request: LoginRequest, status: number, why: string, text: Uint8Array = NO_TEXT): void {
    this.sendLoginResponse(request, { transit: false, tsih: request.tsih, status, text });
    this.close(why, 'login-refused', 'after-output', status);
  }

  private sendLoginResponse(
    request: LoginRequest,
    answer: { transit: boolean; tsih: number; text?: Uint8Array; status?: number },
  ): void {
    const header = encodeLoginResponse({
      transit: answer.transit,
      continues: false,
      currentStage: request.currentStage,
      nextStage: answer.transit ? request.nextStage : STAGE.securityNegotiation,
      versionMax: 0,
      versionActive: 0,
      isid: request.isid,
      tsih: answer.tsih,
      initiatorTaskTag: request.initiatorTaskTag,
      ...this.counters('status'),
      status: answer.status ?? LOGIN_STATUS.success,
    });
    this.send(header, answer.text);
  }

  /** A session of the same nexus gives way first, and all that it had under way (RFC 7143 section 6.3.5). */
  private finishLogin(request: LoginRequest, text: Uint8Array, result: LoginResult): void {
    if (this.closing !== 'no') return;
    const nexus = nexusName(result.initiatorName, result.isid);
    if (!result.discovery)
      this.registry.normalSessionOf(nexus)?.drop('the initiator logged in anew', 'reinstated', 'now');
    this.waiting = true;
    this.registry.onceQuiet(nexus, () => this.enterFullFeaturePhase(request, text, result));
  }

  private enterFullFeaturePhase(request: LoginRequest, text: Uint8Array, result: LoginResult): void {
    if (this.closing !== 'no') return;
    const nexus = nexusName(result.initiatorName, result.isid);
    if (!result.discovery && this.registry.normalSessionOf(nexus)) return this.finishLogin(request, text, result);
    const tsih = this.registry.newTsih(this.parts.random);
    if (tsih === undefined) return this.refuseLogin(request, LOGIN_STATUS.outOfResources, 'no session handle is free');
    this.sendLoginResponse(request, { transit: true, tsih, text });
    this.parameters = result.parameters;
    this.digests = result.parameters.digests;
    this.parser.rules.digests = result.parameters.digests;
    this.parser.rules.maxDataSegmentLength = result.parameters.maxRecvDataSegmentLength;
    this.session = this.createSession(result, tsih, request.connectionId);
    this.log('logged-in', result.discovery ? 'discovery session' : `session ${tsih}`);
    this.session.begin();
  }

  private createSession(result: LoginResult, tsih: number, connectionId: number): TargetSession {
    const { targetName, portalGroupTag } = this.parts.configuration;
    const { initiatorName, isid, discovery } = result;
    return new TargetSession(
      { initiatorName, isid, tsih, discovery, connectionId },
      {
        link: this,
        window: this.window!,
        registry: this.registry,
        host: this.parts.host,
        text: {
          targetName,
          targetAddress: `${this.facts.localAddress},${portalGroupTag}`,
          discovery,
          shown: this.parts.configuration.admits?.(initiatorName) ?? true,
          maxSegmentLength: result.parameters.maxSendDataSegmentLength,
          setMaxSendDataSegmentLength: (byteLength) => {
            this.parameters = { ...this.parameters, maxSendDataSegmentLength: byteLength };
          },
        },
        execute: (task) => this.reads.begin(task),
        close: (why, kind, how) => this.close(why, kind, how),
      },
    );
  }

  private breakOff(why: string): void {
    if (this.closing !== 'no') return;
    this.close(why, 'protocol-error', 'now');
  }

  private close(why: string, kind: TargetEventKind, how: Closing, status?: number): void {
    if (this.closing !== 'no') return;
    this.closing = how;
    this.parser.stop();
    this.session?.end();
    this.log(kind, why, status);
    this.facts.wake();
  }

  private log(kind: TargetEventKind, detail: string, status?: number): void {
    const { initiatorName } = this.login;
    const event = { kind, remoteAddress: this.remoteAddress, initiatorName, detail };
    this.parts.host.log?.({ ...event, ...(status !== undefined && { status }) });
  }
}
