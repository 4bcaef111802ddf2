import type { Random } from '../base/random.ts';
import { serialAdd } from '../base/serial.ts';
import { decoded, describeViolation, type Violation } from '../base/violation.ts';
import { appendPdu, NO_DIGESTS } from './framing.ts';
import { createChapExchange, type ChapExchange, type InitiatorCredentials } from './initiator-chap.ts';
import {
  describeLoginStatus,
  isInitiatorsFault,
  isRedirect,
  isRetriableLoginStatus,
} from './initiator-login-status.ts';
import type { SessionEnd } from './initiator.ts';
import { decodeLoginResponse, encodeLoginRequest, LOGIN_STATUS, STAGE, type LoginResponse } from './login-pdus.ts';
import {
  createNegotiator,
  type OperationalKey,
  type OperationalParameters,
  type OperationalValues,
} from './negotiation.ts';
import { createTextCollector, encodeText, type TextPair } from './text.ts';

export interface LoginOptions {
  /** 6 bytes; the same one again takes over the session of a lost connection (RFC 7143 section 6.3.5). */
  readonly isid: Uint8Array;
  readonly initiatorName: string;
  /** Absent: a discovery session. */
  readonly target?: string;
  readonly credentials?: InitiatorCredentials;
  /** Digests that the session must have; without, whatever the target prefers. */
  readonly requireDigests: { readonly header: boolean; readonly data: boolean };
  /** Operational values that differ from `OWN_VALUES`. */
  readonly values?: OperationalValues;
  readonly random: Random;
}

export type LoginProgress =
  | { readonly kind: 'continues' }
  | { readonly kind: 'done'; readonly parameters: OperationalParameters; readonly expStatSn: number }
  | { readonly kind: 'refused'; readonly end: SessionEnd };

/** A login as the initiator leads it (RFC 7143 section 6.3): security stage where there are credentials, then keys. */
export interface Login {
  start(batch: Uint8Array[]): void;
  receive(header: Uint8Array, data: Uint8Array, batch: Uint8Array[]): LoginProgress;
}

/** A login that takes more exchanges than this gets nowhere. */
const MAX_EXCHANGES = 32;

/** Keys about the session as such, which are not negotiated. */
const TARGET_FACTS = new Set(['TargetPortalGroupTag', 'TargetAlias', 'TargetAddress', 'AuthMethod']);

const DISCOVERY_KEYS: readonly OperationalKey[] = [
  'HeaderDigest',
  'DataDigest',
  'MaxRecvDataSegmentLength',
  'DefaultTime2Wait',
  'DefaultTime2Retain',
  'ErrorRecoveryLevel',
];
const NORMAL_KEYS: readonly OperationalKey[] = [
  ...DISCOVERY_KEYS,
  'InitialR2T',
  'ImmediateData',
  'MaxBurstLength',
  'FirstBurstLength',
  'MaxOutstandingR2T',
  'MaxConnections',
  'DataPDUInOrder',
  'DataSequenceInOrder',
];

export function createLogin(options: LoginOptions, firstCmdSn: number): Login {
  return new InitiatorLogin(options, firstCmdSn);
}

class InitiatorLogin implements Login {
  private readonly options: LoginOptions;
  private readonly cmdSn: number;
  private readonly negotiator;
  private readonly chap: ChapExchange | undefined;
  private collector = createTextCollector();
  private stage: number;
  /** T bit of the last request: this side is ready for the next stage. */
  private transit = false;
  private offered = false;
  /** The target has chosen AuthMethod=None. */
  private excused = false;
  private expStatSn = 0;
  private exchanges = 0;

  constructor(options: LoginOptions, firstCmdSn: number) {
    this.options = options;
    this.cmdSn = firstCmdSn;
    this.negotiator = createNegotiator(ownValues(options));
    this.chap = options.credentials && createChapExchange(options.credentials, options.random);
    this.stage = this.chap ? STAGE.securityNegotiation : STAGE.operationalNegotiation;
  }

  start(batch: Uint8Array[]): void {
    const { target, credentials } = this.options;
    const pairs: TextPair[] = [
      ['InitiatorName', this.options.initiatorName],
      ['SessionType', target === undefined ? 'Discovery' : 'Normal'],
    ];
    if (target !== undefined) pairs.push(['TargetName', target]);
    if (this.stage === STAGE.operationalNegotiation) return this.request(batch, [...pairs, ...this.offer()], true);
    pairs.push(['AuthMethod', credentials?.target ? 'CHAP' : 'CHAP,None']);
    this.request(batch, pairs, false);
  }

  receive(header: Uint8Array, data: Uint8Array, batch: Uint8Array[]): LoginProgress {
    const response = decodeLoginResponse(header);
    this.expStatSn = serialAdd(response.statSn, 1);
    this.exchanges += 1;
    if (response.status !== LOGIN_STATUS.success) return this.refused(response.status, data);
    const fault = this.check(response);
    if (fault) return violation(fault);
    const text = this.collector.append(data, response.continues);
    if (!text.ok) return violation(text.violation);
    if (text.value === undefined) {
      this.request(batch, [], this.transit);
      return { kind: 'continues' };
    }
    return this.stage === STAGE.securityNegotiation
      ? this.inSecurity(response, text.value, batch)
      : this.inOperation(response, text.value, batch);
  }

  private check(response: LoginResponse): Violation | undefined {
    const next = this.stage === STAGE.securityNegotiation ? STAGE.operationalNegotiation : STAGE.fullFeaturePhase;
    if (this.exchanges > MAX_EXCHANGES) {
      return { field: 'login', got: `${this.exchanges} exchanges`, limit: `at most ${MAX_EXCHANGES}` };
    }
    if (response.versionActive !== 0)
      return { field: 'Version-active', got: String(response.versionActive), limit: '0' };
    if (response.currentStage !== this.stage) {
      return { field: 'login CSG', got: String(response.currentStage), limit: String(this.stage) };
    }
    if (response.transit && (!this.transit || response.nextStage !== next || response.continues)) {
      return { field: 'login T, NSG', got: `a transit to stage ${response.nextStage}`, limit: 'what was asked for' };
    }
    return undefined;
  }

  private inSecurity(response: LoginResponse, pairs: readonly TextPair[], batch: Uint8Array[]): LoginProgress {
    const values = new Map(pairs);
    const method = values.get('AuthMethod') ?? 'CHAP';
    if (method === 'None' && !this.options.credentials?.target) this.excused = true;
    else if (method !== 'CHAP') return refusedFor(`the target does not authenticate by CHAP (AuthMethod=${method})`);
    const answer = this.authenticated() ? decoded<TextPair[]>([]) : this.chap!.answer(values);
    if (!answer.ok) return refusedFor(`authentication failed: ${describeViolation(answer.violation)}`);
    if (!response.transit) {
      const proving = answer.value.some(([key]) => key === 'CHAP_R');
      this.request(batch, answer.value, proving || this.authenticated());
      return { kind: 'continues' };
    }
    if (!this.authenticated()) return refusedFor('the target ended the authentication half-way');
    this.stage = STAGE.operationalNegotiation;
    this.request(batch, this.offer(), true);
    return { kind: 'continues' };
  }

  /** Both sides have proved what they must, or the target wants no proof. */
  private authenticated(): boolean {
    return this.excused || this.chap!.complete();
  }

  private inOperation(response: LoginResponse, pairs: readonly TextPair[], batch: Uint8Array[]): LoginProgress {
    const answers = this.negotiator.receive(pairs.filter(([key]) => !TARGET_FACTS.has(key)));
    if (!answers.ok) return violation(answers.violation);
    if (!response.transit) {
      this.request(batch, this.offered ? answers.value : [...this.offer(), ...answers.value], true);
      return { kind: 'continues' };
    }
    if (answers.value.length > 0) {
      return violation({ field: answers.value[0]![0], got: 'an offer with the end of the login', limit: 'no offer' });
    }
    const parameters = this.negotiator.result();
    const missing = this.missingDigest(parameters);
    if (missing) return refusedFor(`the target does not support ${missing} digests, which are required`);
    return { kind: 'done', parameters, expStatSn: this.expStatSn };
  }

  private missingDigest({ digests }: OperationalParameters): string | undefined {
    if (this.options.requireDigests.header && !digests.header) return 'header';
    return this.options.requireDigests.data && !digests.data ? 'data' : undefined;
  }

  private offer(): TextPair[] {
    this.offered = true;
    return this.negotiator.offer(this.options.target === undefined ? DISCOVERY_KEYS : NORMAL_KEYS);
  }

  private refused(status: number, data: Uint8Array): LoginProgress {
    const text = createTextCollector().append(data, false);
    const address = text.ok ? new Map(text.value).get('TargetAddress') : undefined;
    const end: SessionEnd = {
      reason: 'login-failed',
      message: describeLoginStatus(status) + this.offeredWords(status) + this.nameWords(status),
      retriable: isRetriableLoginStatus(status),
      waitMs: 0,
    };
    const redirected = isRedirect(status) && address !== undefined;
    return { kind: 'refused', end: redirected ? { ...end, redirect: address.replace(/,\d+$/, '') } : end };
  }

  /** Where a target knows none of the algorithms, it says no more than that it refuses; so it does where it refuses the name. */
  private offeredWords(status: number): string {
    const offered = status === LOGIN_STATUS.authenticationFailure ? this.chap?.untaken() : undefined;
    return offered === undefined
      ? ''
      : `; it chose no CHAP algorithm: it may know none of those offered (${offered}), or not admit this initiator name`;
  }

  /** Targets admit initiators by name, and some say of all others that there is no such target. */
  private nameWords(status: number): string {
    return isInitiatorsFault(status) ? `; this host came as ${this.options.initiatorName}` : '';
  }

  private request(batch: Uint8Array[], pairs: readonly TextPair[], transit: boolean): void {
    this.transit = transit;
    const next = this.stage === STAGE.securityNegotiation ? STAGE.operationalNegotiation : STAGE.fullFeaturePhase;
    const header = encodeLoginRequest({
      transit,
      continues: false,
      currentStage: this.stage,
      nextStage: transit ? next : 0,
      versionMax: 0,
      versionMin: 0,
      isid: this.options.isid,
      tsih: 0,
      initiatorTaskTag: 0,
      connectionId: 0,
      cmdSn: this.cmdSn,
      expStatSn: this.expStatSn,
    });
    appendPdu(batch, header, encodeText(pairs), NO_DIGESTS);
  }
}

function ownValues(options: LoginOptions): OperationalValues {
  return {
    ...(options.requireDigests.header ? { HeaderDigest: 'CRC32C,None' } : {}),
    ...(options.requireDigests.data ? { DataDigest: 'CRC32C,None' } : {}),
    MaxOutstandingR2T: '8',
    ...options.values,
  };
}

function refusedFor(message: string): LoginProgress {
  return { kind: 'refused', end: { reason: 'login-failed', message, retriable: false, waitMs: 0 } };
}

function violation(fault: Violation): LoginProgress {
  const message = `the target broke the protocol at login: ${describeViolation(fault)}`;
  return { kind: 'refused', end: { reason: 'protocol-error', message, retriable: false, waitMs: 0 } };
}
